import DeepEPTensors

/// A rule by which parameters follow their gradients, as graph code for one parameter.
public protocol Optimizer: Sendable {
  /// The names of the tensors that the rule keeps for each parameter, of its type; they start at zero.
  var stateNames: [String] { get }

  /// The learning rate of an update: a float64 scalar from the number of updates made before, an
  /// int32 scalar.
  func learningRate(at step: Tensor) -> Tensor

  /// The new value of a parameter.
  ///
  /// - Parameters:
  ///   - parameter: The value.
  ///   - gradient: The gradient of the loss, of the parameter's type.
  ///   - state: The tensors of ``stateNames``.
  ///   - step: The number of updates made before, an int32 scalar.
  /// - Returns: The new value, and the new tensors of ``stateNames``.
  func updated(
    _ parameter: Tensor, gradient: Tensor, state: [Tensor], step: Tensor
  ) -> (parameter: Tensor, state: [Tensor])
}
