import DeepEPTensors

/// Normalisation by the root mean square over the last dimension, with a learned scale; see
/// ``Tensor/rmsNorm(weight:epsilon:file:line:)``.
public struct RMSNorm: Module {
  /// The scale `[width]`; starts at one.
  public let weight: Parameter
  private let epsilon: Double

  /// Makes a layer for inputs whose last dimension is `width`; `epsilon` is added to the mean square.
  public init(_ width: Int, epsilon: Double = 1e-5) {
    weight = Parameter([width], .ones, axes: [.axis(.embed)])
    self.epsilon = epsilon
  }

  /// The normalised input `[..., width]`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.rmsNorm(weight: weight, epsilon: epsilon)
  }
}
