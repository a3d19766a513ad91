import DeepEPElements
import DeepEPTensors

/// A scalar that depends on where a rank is.
enum PlaceKey: Hashable {
  case index(MeshAxis)
  case offset(ShardedFactor)
  case extent(ShardedFactor)
  case isFirst([MeshAxis])
}

extension Partitioner {
  /// Appends a node whose result types follow from the shape rule.
  mutating func append(
    _ operation: any Operation, _ operands: [Value] = [], controls: [Int] = []
  ) throws -> Value {
    let node = try target.append(operation, operands, controls: controls, origin: origin)
    if operation is Dot || operation is any Collective { anchors[Stage(origin.phase)] = node }
    return Value(node: node)
  }

  /// A number as a tensor of a type.
  mutating func constant(_ number: Double, _ type: Type) throws -> Value {
    try append(Constant(type: type, numbers: [number]))
  }

  private mutating func scalar(
    _ function: BinaryFunction, _ x: Value, _ number: Int
  ) throws -> Value {
    let other = try constant(Double(number), Type(.int32, []))
    return try append(Binary(function: function), [x, other])
  }

  private mutating func known(
    _ key: PlaceKey, _ make: (inout Partitioner) throws -> Value
  ) throws -> Value {
    if let value = places[key] { return value }
    let kept = origin
    origin = Origin()
    defer { origin = kept }
    let value = try make(&self)
    places[key] = value
    return value
  }

  /// Where the rank is along an axis, an int32 scalar.
  mutating func index(along axis: MeshAxis) throws -> Value {
    try known(.index(axis)) { try $0.append(MeshIndex(axis: axis)) }
  }

  /// Where the rank's part of a factor begins, an int32 scalar.
  mutating func offset(of factor: ShardedFactor) throws -> Value {
    try known(.offset(factor)) { writer in
      var part = ShardedFactor(factor.size)
      var total: Value?
      for axis in factor.axes {
        part.axes.append(axis)
        let index = try writer.index(along: axis)
        let start = try writer.scalar(.multiply, index, part.localSize(writer.mesh))
        total = try total.map { try writer.append(Binary(function: .add), [$0, start]) } ?? start
      }
      return try total ?? writer.constant(0, Type(.int32, []))
    }
  }

  /// How much of the rank's part of a factor is no padding, an int32 scalar.
  mutating func extent(of factor: ShardedFactor) throws -> Value {
    try known(.extent(factor)) { writer in
      var part = ShardedFactor(factor.size)
      var extent = try writer.constant(Double(factor.size), Type(.int32, []))
      for axis in factor.axes {
        part.axes.append(axis)
        let size = part.localSize(writer.mesh)
        let start = try writer.scalar(.multiply, writer.index(along: axis), size)
        let rest = try writer.append(Binary(function: .subtract), [extent, start])
        extent = try writer.scalar(.minimum, writer.scalar(.maximum, rest, 0), size)
      }
      return extent
    }
  }

  /// Whether the rank is the first along all of some axes, a Boolean scalar.
  mutating func isFirst(along axes: [MeshAxis]) throws -> Value {
    try known(.isFirst(axes)) { writer in
      var sum = try writer.constant(0, Type(.int32, []))
      for axis in axes {
        sum = try writer.append(Binary(function: .add), [sum, writer.index(along: axis)])
      }
      let zero = try writer.constant(0, Type(.int32, []))
      return try writer.append(Compare(comparison: .equal), [sum, zero])
    }
  }
}
