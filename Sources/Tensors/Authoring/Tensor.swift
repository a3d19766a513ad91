import DeepEPElements

/// A value in model code: a place in the graph that the code writes.
///
/// Nothing is computed while model code runs. A wrong operation yields a poisoned tensor, and
/// tracing throws the first mistake with the module, the shapes and the line.
public struct Tensor {
  package let trace: Trace
  package let value: Value?

  package init(_ trace: Trace, _ value: Value?) {
    self.trace = trace
    self.value = value
  }

  /// The type; an empty float32 tensor if this one is poisoned.
  public var type: Type { value.map { trace.graph.type(of: $0) } ?? Type(.float32, [0]) }
  /// The sizes of the dimensions, outermost first.
  public var shape: [Int] { type.shape }
  /// The number of dimensions.
  public var rank: Int { shape.count }
  /// Whether a mistake led to this tensor.
  package var isPoisoned: Bool { value == nil }

  /// A tensor of numbers that are known while tracing: one for all elements, or one for each.
  public init(_ numbers: [Double], shape: [Int]? = nil, element: ElementType = .float32) {
    let type = Type(element, shape ?? [numbers.count])
    self = Trace().apply(Constant(type: type, numbers: numbers), [])[0]
  }

  /// The result of an operation on this tensor and others.
  package func apply(
    _ operation: any Operation, _ others: Tensor..., source: SourceLocation? = nil
  ) -> Tensor {
    applyAll(operation, others, source: source)[0]
  }

  /// All results of an operation on this tensor and others; one poisoned tensor for a mistake.
  package func applyAll(
    _ operation: any Operation, _ others: [Tensor] = [], source: SourceLocation? = nil
  ) -> [Tensor] {
    let operands = [self] + others
    return Trace.home(of: operands).apply(operation, operands, source: source)
  }

  /// A tensor of the same type with all elements alike.
  public func filled(with number: Double) -> Tensor {
    isPoisoned ? self : trace.apply(Constant(type: type, numbers: [number]), [])[0]
  }

  /// The index of each element along a dimension, as `element`.
  package func indices(along dimension: Int, as element: ElementType = .int32) -> Tensor {
    trace.apply(Iota(type: type.with(element: element), dimension: dimension), [])[0]
  }
}

extension Tensor: TensorConvertible {
  /// The tensor itself.
  public var tensor: Tensor { self }
}
