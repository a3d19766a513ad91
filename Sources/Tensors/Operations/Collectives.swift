import DeepEPElements

/// An operation that the ranks along some mesh axes do together, all in the same order.
package protocol Collective: Operation {
  /// The axes along which the ranks of a group differ.
  var axes: [MeshAxis] { get }
  /// For each result the operands whose memory it may take.
  var overwritableOperands: [Int: [Int]] { get }
}

extension Collective {
  package var overwritableOperands: [Int: [Int]] { [:] }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .alone(operands: operands, results: results)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) throws -> [HostArray] {
    throw ShapeError(name, "needs the other ranks; give the interpreter a mesh")
  }
}

/// Combines what each rank has; every rank gets the whole result.
package struct AllReduce: Collective {
  package var reduction: Reduction
  package var axes: [MeshAxis]
  package var name: String { "allReduce" }
  package var overwritableOperands: [Int: [Int]] { [0: [0]] }

  package init(_ reduction: Reduction, axes: [MeshAxis]) {
    self.reduction = reduction
    self.axes = axes
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    return operands
  }
}

/// Combines what each rank has; every rank gets its block of the result along a dimension.
package struct ReduceScatter: Collective {
  package var reduction: Reduction
  package var axes: [MeshAxis]
  /// The dimension that is cut.
  package var dimension: Int
  /// The number of ranks, and so of blocks.
  package var count: Int
  package var name: String { "reduceScatter" }

  package init(_ reduction: Reduction, axes: [MeshAxis], dimension: Int, count: Int) {
    self.reduction = reduction
    self.axes = axes
    self.dimension = dimension
    self.count = count
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    var shape = operands[0].shape
    guard shape.indices.contains(dimension), count > 0, shape[dimension] % count == 0 else {
      throw ShapeError(name, "\(operands[0]) has no \(count) blocks along dimension \(dimension)")
    }
    shape[dimension] /= count
    return [operands[0].with(shape: shape)]
  }
}

/// Puts the blocks of all ranks one after the other along a dimension.
package struct AllGather: Collective {
  package var axes: [MeshAxis]
  /// The dimension that grows.
  package var dimension: Int
  /// The number of ranks, and so of blocks.
  package var count: Int
  package var name: String { "allGather" }

  package init(axes: [MeshAxis], dimension: Int, count: Int) {
    self.axes = axes
    self.dimension = dimension
    self.count = count
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    var shape = operands[0].shape
    guard shape.indices.contains(dimension), count > 0,
      case let (size, overflows) = shape[dimension].multipliedReportingOverflow(by: count),
      !overflows
    else {
      throw ShapeError(name, "\(operands[0]) cannot grow \(count) times along \(dimension)")
    }
    shape[dimension] = size
    return [operands[0].with(shape: shape)]
  }
}

/// Exchanges blocks: block `j` of dimension 0 goes to rank `j`, which gets block `i` from rank `i`.
package struct AllToAll: Collective {
  package var axes: [MeshAxis]
  /// The number of ranks, and so of blocks: the size of dimension 0.
  package var count: Int
  package var name: String { "allToAll" }

  package init(axes: [MeshAxis], count: Int) {
    self.axes = axes
    self.count = count
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    guard operands[0].shape.first == count else {
      throw ShapeError(name, "\(operands[0]) must have \(count) blocks as dimension 0")
    }
    return operands
  }
}

/// Where the rank is along a mesh axis, an int32 scalar: all that tells ranks apart in a program.
package struct MeshIndex: Operation {
  package var axis: MeshAxis
  package var name: String { "meshIndex" }

  package init(axis: MeshAxis) { self.axis = axis }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 0)
    return [Type(.int32, [])]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .alone(operands: operands, results: results)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) throws -> [HostArray] {
    throw ShapeError(name, "is known on a rank only; give the interpreter a mesh")
  }
}

/// What a rank knows of the others while it interprets a program.
package protocol RankContext: Sendable {
  /// Where the rank is along an axis.
  func index(along axis: MeshAxis) -> Int

  /// The results of a collective, for which all ranks of a group meet.
  func run(_ collective: any Collective, _ operands: [HostArray], types: [Type]) throws
    -> [HostArray]
}

extension Factors {
  /// The factors of an operation that cannot be cut at all: every dimension walks one of its own.
  package static func alone(operands: [Type], results: [Type]) -> Factors {
    var factors = Factors(sizes: [], operands: [], results: [], flopsPerPoint: 0)
    let walk = { (type: Type, factors: inout Factors) -> [[Int]] in
      let first = factors.sizes.count
      factors.sizes += type.shape
      return type.shape.indices.map { [first + $0] }
    }
    factors.operands = operands.map { walk($0, &factors) }
    factors.results = results.map { walk($0, &factors) }
    factors.whole = Set(factors.sizes.indices)
    return factors
  }
}
