import DeepEPElements

/// A weight of a model: a name for state that the program keeps in a slot.
///
/// A parameter has an identity: modules that hold the same parameter share its slot, so that tied
/// weights are one tensor. Its name comes from the properties of the model that lead to it.
public final class Parameter: Sendable {
  /// The shape and element type.
  public let type: Type
  /// How the first value is found.
  public let initializer: Initializer
  /// The meaning of each dimension; empty if none has one.
  public let axes: [DimensionAxes]
  /// Whether the optimiser changes it.
  public let isTrainable: Bool

  /// Makes a parameter of float32.
  public init(
    _ shape: [Int], _ initializer: Initializer, axes: [DimensionAxes] = [],
    isTrainable: Bool = true
  ) {
    type = Type(.float32, shape)
    self.initializer = initializer
    self.axes = axes
    self.isTrainable = isTrainable
  }
}

/// Something that stands for a tensor in model code: a tensor or a parameter.
public protocol TensorConvertible {
  /// The tensor.
  var tensor: Tensor { get }
}

extension Parameter: TensorConvertible {
  /// The parameter's value.
  public var tensor: Tensor { Trace().read(self) }
}
