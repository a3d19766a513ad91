import DeepEPTensors

/// A rule by which parameters follow their gradients, as graph code for one parameter.
public protocol Optimizer: Sendable {
  /// The tensors that the rule keeps for a parameter; they start at zero.
  func state(of parameter: OptimizedParameter) -> [OptimizerState]

  /// The learning rate of an update: a float64 scalar from the number of updates made before, an
  /// int32 scalar.
  func learningRate(at step: Tensor) -> Tensor

  /// The new value of a parameter.
  ///
  /// - Parameters:
  ///   - parameter: What is known of the parameter.
  ///   - value: Its value.
  ///   - gradient: The gradient of the loss, of the parameter's type.
  ///   - state: The tensors of ``state(of:)``.
  ///   - step: The number of updates made before, an int32 scalar.
  /// - Returns: The new value, and the new tensors of the state.
  func updated(
    _ parameter: OptimizedParameter, value: Tensor, gradient: Tensor, state: [Tensor], step: Tensor
  ) -> (value: Tensor, state: [Tensor])
}

/// A parameter as a rule sees it.
public struct OptimizedParameter: Hashable, Sendable {
  /// Its name in checkpoints, such as `transformer.h.0.attn.c_attn.weight`.
  public var name: String
  /// Its type.
  public var type: Type
  /// The meaning of each dimension; empty if none has one.
  public var axes: [DimensionAxes]

  /// Describes a parameter.
  public init(name: String, type: Type, axes: [DimensionAxes] = []) {
    self.name = name
    self.type = type
    self.axes = axes
  }

  /// Whether its rows are looked up: one dimension counts tokens or positions.
  public var isTable: Bool { axes.contains(.axis(.vocabulary)) || axes.contains(.axis(.sequence)) }

  /// Whether it is a matrix that is multiplied with activations.
  public var isMatrix: Bool { type.rank == 2 && !isTable }
}

/// A tensor that a rule keeps for a parameter.
public struct OptimizerState: Hashable, Sendable {
  /// Its name beside the others of the rule, such as `first_moment`.
  public var name: String
  /// Its type.
  public var type: Type
  /// The meaning of each dimension; empty if none has one.
  public var axes: [DimensionAxes]

  /// A tensor as large as the parameter.
  public init(_ name: String, like parameter: OptimizedParameter) {
    (self.name, type, axes) = (name, parameter.type, parameter.axes)
  }

  /// A tensor with some of the parameter's dimensions.
  public init(_ name: String, like parameter: OptimizedParameter, keeping dimensions: [Int]) {
    self.name = name
    type = Type(parameter.type.element, dimensions.map { parameter.type.shape[$0] })
    axes = parameter.axes.isEmpty ? [] : dimensions.map { parameter.axes[$0] }
  }
}
