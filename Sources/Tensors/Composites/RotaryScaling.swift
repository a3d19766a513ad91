/// Slower turns of rotary positions, so that a model that was trained on short sequences goes on to longer ones
/// (Llama Team: The Llama 3 Herd of Models, 2024; `rope_type` "llama3" of Hugging Face).
///
/// A pair that turns around often within the first training's context stays as it is; one that turns around
/// seldom or never is slowed down; in between it is some of both.
public struct RotaryScaling: Hashable, Codable, Sendable {
  /// How many times slower the slowest pairs turn.
  public var factor: Double
  /// Pairs with fewer turns than this in the first context are slowed down altogether.
  public var fewTurns: Double
  /// Pairs with more turns than this stay as they are.
  public var manyTurns: Double
  /// The longest sequence of the first training.
  public var firstContext: Int

  /// Describes a scaling; the defaults are those of Llama 3.1.
  public init(
    factor: Double = 8, fewTurns: Double = 1, manyTurns: Double = 4, firstContext: Int = 8192
  ) {
    (self.factor, self.fewTurns, self.manyTurns) = (factor, fewTurns, manyTurns)
    self.firstContext = firstContext
  }

  /// What is wrong with it; nil if it can be.
  package var mistake: String? {
    let isPossible =
      factor >= 1 && factor.isFinite && fewTurns > 0 && manyTurns > fewTurns
      && manyTurns.isFinite && firstContext > 0
    return isPossible ? nil : "rotary positions cannot be scaled by \(self)"
  }

  /// The frequency in place of another one, both in radians a position.
  func scaled(_ frequency: Double) -> Double {
    let turns = Double(firstContext) * frequency / (2 * Double.pi)
    let kept = min(1, max(0, (turns - fewTurns) / (manyTurns - fewTurns)))
    return frequency * (kept + (1 - kept) / factor)
  }
}
