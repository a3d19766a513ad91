import DeepEPElements

/// A weight or a statistic of a model: a name for state that the program keeps in a slot.
///
/// A parameter has an identity: modules that hold the same parameter share its slot, so that tied
/// weights are one tensor. Its name comes from the properties of the model that lead to it. The
/// optimiser changes weights; a statistic has its new value from the model, see
/// ``update(to:during:file:line:)``.
public final class Parameter: Sendable {
  /// The shape and element type.
  public let type: Type
  /// How the first value is found.
  public let initializer: Initializer
  /// The meaning of each dimension; empty if none has one.
  public let axes: [DimensionAxes]
  /// Whether the optimiser changes it.
  public let isTrainable: Bool
  /// What the state is for.
  public let kind: SlotKind

  /// Makes a weight of float32.
  public init(
    _ shape: [Int], _ initializer: Initializer, axes: [DimensionAxes] = [],
    isTrainable: Bool = true
  ) {
    type = Type(.float32, shape)
    self.initializer = initializer
    self.axes = axes
    self.isTrainable = isTrainable
    kind = .parameter
  }

  /// Makes a statistic: state that the model itself writes while it is trained, such as a running
  /// mean, and only reads while it is evaluated.
  public init(
    statistic shape: [Int], _ initializer: Initializer, element: ElementType = .float32,
    axes: [DimensionAxes] = []
  ) {
    type = Type(element, shape)
    self.initializer = initializer
    self.axes = axes
    isTrainable = false
    kind = .statistic
  }

  /// Makes a counter of the run: one that lasts, or one that each update sets back to zero.
  package init(counter element: ElementType, kind: SlotKind = .counter) {
    type = Type(element, [])
    (initializer, axes) = (.zeros, [])
    isTrainable = false
    self.kind = kind
  }
}

extension Parameter {
  /// Whether it is state of a model, and not of a run.
  var belongsToModel: Bool { kind == .parameter || kind == .statistic }
}

/// Something that stands for a tensor in model code: a tensor or a parameter.
public protocol TensorConvertible {
  /// The tensor.
  var tensor: Tensor { get }
}

extension Parameter: TensorConvertible {
  /// The parameter's value.
  public var tensor: Tensor { Trace().read(self) }

  /// Gives this statistic a new value, once the step has ended.
  ///
  /// What uses the statistic later in the same step sees the new value already. Does nothing while the
  /// model is evaluated. A value of another type, or of a parameter that is no statistic, is a mistake
  /// that tracing throws.
  ///
  /// - Parameters:
  ///   - value: The new value.
  ///   - input: A tensor that depends on the model's input, such as the module's own.
  public func update(
    to value: Tensor, during input: Tensor, file: String = #fileID, line: Int = #line
  ) {
    input.trace.update(self, to: value, SourceLocation(file: file, line: line))
  }
}
