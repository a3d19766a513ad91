import DeepEPTensors

/// Tells attention where rows are by turning pairs of a head's elements; see
/// ``Tensor/rotary(at:base:file:line:)``.
public struct RotaryPositions: Module {
  /// How slowly the last pairs turn.
  public let base: Double

  /// Makes a layer; Llama 2 has the base 10,000, Llama 3 has 500,000.
  public init(base: Double = 10_000) { self.base = base }

  /// Queries or keys `[batch, sequence, heads, headWidth]` of a sequence that begins at position 0.
  public func callAsFunction(_ x: Tensor) -> Tensor { x.rotary(base: base) }
}
