import DeepEPTensors

/// Tells attention where rows are by turning pairs of a head's elements; see
/// ``Tensor/rotary(at:base:scaling:file:line:)``.
public struct RotaryPositions: Module {
  /// How slowly the last pairs turn.
  public let base: Double
  /// How turns are slowed down for a longer context; nil leaves them.
  public let scaling: RotaryScaling?

  /// Makes a layer; Llama 2 has the base 10,000, Llama 3 has 500,000.
  public init(base: Double = 10_000, scaling: RotaryScaling? = nil) {
    (self.base, self.scaling) = (base, scaling)
  }

  /// Queries or keys `[batch, sequence, heads, headWidth]` of a sequence that begins at position 0.
  public func callAsFunction(_ x: Tensor) -> Tensor { self(x, at: nil) }

  /// The same at other positions: integers `[sequence]`; nil counts from zero.
  public func callAsFunction(_ x: Tensor, at positions: Tensor?) -> Tensor {
    x.rotary(at: positions, base: base, scaling: scaling)
  }
}
