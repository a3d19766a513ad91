import DeepEPTensors

/// Sets a share of elements to zero at random while the model is trained; see
/// ``Tensor/dropout(_:file:line:)``.
public struct Dropout: Module {
  /// The share of elements that become zero.
  public let rate: Double

  /// Makes a layer; a rate of zero leaves its input as it is.
  public init(_ rate: Double) { self.rate = rate }

  /// The input, or in training what is left of it, in the same shape.
  public func callAsFunction(_ x: Tensor) -> Tensor { x.dropout(rate) }
}
