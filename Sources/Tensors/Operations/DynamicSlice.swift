import DeepEPElements

/// A box of elements whose place is known when the program runs.
///
/// Operands: a tensor, and for each of ``dimensions`` an int32 or int64 scalar, the first index along
/// it. A start is clamped so that the box lies inside; other dimensions are taken whole.
package struct DynamicSlice: Operation {
  /// The dimensions along which the box has a start and a size of its own.
  package var dimensions: [Int]
  /// The number of elements along each of them.
  package var sizes: [Int]
  package var name: String { "dynamicSlice" }

  package init(dimensions: [Int], sizes: [Int]) {
    self.dimensions = dimensions
    self.sizes = sizes
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1 + dimensions.count)
    var result = operands[0]
    try expectStarts(operands.dropFirst(), along: dimensions, of: result)
    guard sizes.count == dimensions.count else {
      throw ShapeError(name, "\(sizes.count) sizes for \(dimensions.count) dimensions")
    }
    for (dimension, size) in zip(dimensions, sizes) {
      guard (0...result.shape[dimension]).contains(size) else {
        throw ShapeError(
          name, "\(operands[0]) has no \(size) elements along dimension \(dimension)")
      }
      result.dimensions[dimension] = .fixed(size)
    }
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = Factors(sizes: [], operands: [], results: [], flopsPerPoint: 0)
    let (whole, box) = factors.addBox(results[0].shape, in: operands[0].shape, dimensions)
    factors.operands = [whole] + dimensions.map { _ in [] }
    factors.results = [box]
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let box = Box(types[0].shape, in: operands[0].shape, dimensions, operands.dropFirst())
    return [operands[0].gathered(box.positions, shape: types[0].shape)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard operand == 0 else { return nil }
    let starts = Array(context.operands.dropFirst())
    let zeros = context.operands[0].filled(with: 0)
    return zeros.replacing(context.gradient, at: starts, along: dimensions)
  }
}

/// A tensor with a box of its elements replaced; the box's place is known when the program runs.
///
/// Operands: a tensor, the box, and for each of ``dimensions`` an int32 or int64 scalar, the first
/// index along it. A start is clamped so that the box lies inside; along other dimensions the box is
/// as large as the tensor.
package struct DynamicUpdateSlice: Operation {
  /// The dimensions along which the box has a start and a size of its own.
  package var dimensions: [Int]
  package var name: String { "dynamicUpdateSlice" }

  package init(dimensions: [Int]) {
    self.dimensions = dimensions
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2 + dimensions.count)
    let (whole, box) = (operands[0], operands[1])
    try expectStarts(operands.dropFirst(2), along: dimensions, of: whole)
    var expected = whole
    for dimension in dimensions where dimension < box.rank {
      expected.dimensions[dimension] = box.dimensions[dimension]
    }
    guard box == expected, zip(box.shape, whole.shape).allSatisfy({ $0 <= $1 }) else {
      throw ShapeError(
        name, "\(box) does not fit into \(whole); only dimensions \(dimensions) may be smaller")
    }
    return [whole]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = Factors(sizes: [], operands: [], results: [], flopsPerPoint: 0)
    let (whole, box) = factors.addBox(operands[1].shape, in: operands[0].shape, dimensions)
    factors.operands = [whole, box] + dimensions.map { _ in [] }
    factors.results = [whole]
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (whole, update) = (operands[0], operands[1])
    let box = Box(update.shape, in: whole.shape, dimensions, operands.dropFirst(2))
    var scalars = (0..<whole.count).map { whole[$0] }
    for (source, place) in box.positions.enumerated() { scalars[place] = update[source] }
    return [HostArray(whole.element, whole.shape, scalars: scalars)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (box, starts) = (context.operands[1], Array(context.operands.dropFirst(2)))
    switch operand {
    case 0: return context.gradient.replacing(box.filled(with: 0), at: starts, along: dimensions)
    case 1:
      let sizes = dimensions.map { box.shape[$0] }
      return context.gradient.dynamicSliced(at: starts, sizes: sizes, along: dimensions)
    default: return nil
    }
  }
}

extension Operation {
  /// Throws unless there is an integer scalar for each of some different dimensions of a tensor.
  fileprivate func expectStarts(
    _ starts: ArraySlice<Type>, along dimensions: [Int], of type: Type
  ) throws {
    guard Set(dimensions).count == dimensions.count,
      dimensions.allSatisfy(type.dimensions.indices.contains)
    else {
      throw ShapeError(name, "\(dimensions) are no different dimensions of \(type)")
    }
    for start in starts where start.rank > 0 || ![.int32, .int64].contains(start.element) {
      throw ShapeError(name, "a start must be an int32[] or int64[], got \(start)")
    }
  }
}

extension Factors {
  /// Adds the loops over a box within a larger tensor; along some dimensions both are whole.
  fileprivate mutating func addBox(
    _ box: [Int], in shape: [Int], _ dimensions: [Int]
  ) -> (shape: [[Int]], box: [[Int]]) {
    var (walks, boxWalks) = ([[Int]](), [[Int]]())
    for (dimension, size) in box.enumerated() {
      let isMoved = dimensions.contains(dimension)
      boxWalks.append([isMoved ? addWhole(size) : addLoop(size)])
      walks.append(isMoved ? [addIndexed(shape[dimension])] : boxWalks[dimension])
    }
    return (walks, boxWalks)
  }
}

/// Where the elements of a box with clamped starts are within a tensor.
private struct Box {
  let positions: [Int]

  init(_ box: [Int], in shape: [Int], _ dimensions: [Int], _ starts: ArraySlice<HostArray>) {
    var first = [Int](repeating: 0, count: shape.count)
    for (dimension, start) in zip(dimensions, starts) {
      let last = Int64(shape[dimension] - box[dimension])
      first[dimension] = Int(min(max(start.integers[0], 0), last))
    }
    positions = DeepEPTensors.positions(of: box, in: shape) { zip($0, first).map { $0 + $1 } }
  }
}
