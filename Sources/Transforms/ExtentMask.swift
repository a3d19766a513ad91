import DeepEPElements
import DeepEPTensors

extension Graph {
  /// Appends nodes that replace the elements of a value beyond an extent along one dimension:
  /// `select(iota < extent, value, identity)`.
  ///
  /// The nodes treat every element alike, so they become part of the region that reads the result.
  /// No memory is addressed by the extent: one that is too large or negative replaces nothing or all.
  ///
  /// - Parameters:
  ///   - value: A value of any element type.
  ///   - dimension: The dimension along which only a first part is valid.
  ///   - extent: An int32 scalar: how many elements along the dimension are valid.
  ///   - identity: What stands in for the others. Infinity stands for an integer's limit.
  ///   - origin: The origin of the nodes.
  ///   - controls: Nodes that must run before them.
  /// - Returns: A value of the same type.
  /// - Throws: ``ShapeError`` if the value has no such dimension, or the extent is no int32 scalar.
  package mutating func masked(
    _ value: Value, along dimension: Int, extent: Value, identity: Double,
    origin: Origin = Origin(), controls: [Int] = []
  ) throws -> Value {
    let (type, count) = (type(of: value), type(of: extent))
    guard type.dimensions.indices.contains(dimension), count == Type(.int32, []) else {
      throw ShapeError(
        "mask", "dimension \(dimension) of \(type) cannot end at \(extent), which is \(count)")
    }
    let indices = type.with(element: .int32)
    func add(_ operation: any Operation, _ operands: [Value], _ type: Type) -> Value {
      Value(
        node: append(Node(operation, operands, controls: controls, types: [type], origin: origin)))
    }
    let places = add(Iota(type: indices, dimension: dimension), [], indices)
    let limits = add(Broadcast(shape: type.shape, dimensions: []), [extent], indices)
    let isValid = add(
      Compare(comparison: .less), [places, limits], type.with(element: .bool))
    let others = add(Constant(type: type, numbers: [identity]), [], type)
    return add(Select(), [isValid, value, others], type)
  }
}

extension Reduction {
  /// The number that changes no result, as an element of a type can hold it: what masks put in place
  /// of elements that must not count.
  package func maskIdentity(_ element: ElementType) -> Double {
    // Every number but zero is true.
    if element == .bool { return self == .maximum || self == .sum ? 0 : 1 }
    let number = identity(.float64).double
    // The only type without an infinity.
    return element == .float8e4m3 && number.isInfinite ? (number < 0 ? -448 : 448) : number
  }
}
