import DeepEPTensors

/// Layer normalisation over the last dimension with a learned scale and shift.
public struct LayerNorm: Module {
  /// The scale `[width]`; starts at one.
  public let weight: Parameter
  /// The shift `[width]`; starts at zero.
  public let bias: Parameter
  private let epsilon: Double

  /// Makes a layer for inputs whose last dimension is `width`.
  public init(_ width: Int, epsilon: Double = 1e-5) {
    weight = Parameter([width], .ones, axes: [.axis(.embed)])
    bias = Parameter([width], .zeros, axes: [.axis(.embed)])
    self.epsilon = epsilon
  }

  /// The normalised input `[..., width]`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.layerNorm(weight: weight, bias: bias, epsilon: epsilon)
  }
}
