import DeepEPElements

/// Elements at indices along one dimension: `result[a, i, b] = x[a, indices[a, i, b], b]`.
///
/// Operands: a tensor, and integers of the same shape but for the dimension. Indices outside are
/// clamped.
package struct GatherAlong: Operation {
  /// The dimension.
  package var dimension: Int
  package var name: String { "gatherAlong" }

  package init(dimension: Int) {
    self.dimension = dimension
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2)
    try expectIndices(operands[1], into: operands[0], along: dimension)
    var result = operands[0]
    result.dimensions[dimension] = operands[1].dimensions[dimension]
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = Factors(sizes: results[0].shape, operands: [], results: [], flopsPerPoint: 0)
    let walks = results[0].shape.indices.map { [$0] }
    var table = walks
    table[dimension] = [factors.addIndexed(operands[0].shape[dimension])]
    factors.operands = [table, walks]
    factors.results = [walks]
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let places = indexedPositions(operands[1], in: operands[0].shape, along: dimension)
    return [operands[0].gathered(places, shape: types[0].shape)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard operand == 0 else { return nil }
    let zeros = context.operands[0].filled(with: 0)
    return zeros.scatterAdd(context.gradient, at: context.operands[1], along: dimension)
  }
}

/// Adds elements at indices along one dimension: `result[a, indices[a, i, b], b] += updates[a, i, b]`,
/// in row-major order of the updates.
///
/// Operands: a tensor, integers of the same shape but for the dimension, and updates at these. Indices
/// outside are clamped.
package struct ScatterAddAlong: Operation {
  /// The dimension.
  package var dimension: Int
  package var name: String { "scatterAddAlong" }

  package init(dimension: Int) {
    self.dimension = dimension
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 3)
    let (table, indices, updates) = (operands[0], operands[1], operands[2])
    try expectIndices(indices, into: table, along: dimension)
    guard updates == indices.with(element: table.element) else {
      throw ShapeError(
        name, "needs a \(table.element.rawValue) for each of \(indices), got \(updates)")
    }
    return [table]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = Factors(sizes: operands[1].shape, operands: [], results: [])
    let walks = operands[1].shape.indices.map { [$0] }
    var table = walks
    factors.whole.insert(dimension)
    table[dimension] = [factors.addIndexed(operands[0].shape[dimension])]
    factors.operands = [table, walks, walks]
    factors.results = [table]
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (table, updates) = (operands[0], operands[2])
    // Sums of floats are kept in double and rounded once: the oracle for any order.
    let element = table.element.isFloatingPoint ? ElementType.float64 : table.element
    var scalars = (0..<table.count).map { table[$0] }
    let places = indexedPositions(operands[1], in: table.shape, along: dimension)
    for (source, place) in places.enumerated() {
      scalars[place] = BinaryFunction.add.evaluate(scalars[place], updates[source], element)
    }
    return [HostArray(table.element, table.shape, scalars: scalars)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    switch operand {
    case 0: context.gradient
    case 2: context.gradient.gather(at: context.operands[1], along: dimension)
    default: nil
    }
  }
}

extension Operation {
  /// Throws unless integers can point into a tensor along a dimension.
  fileprivate func expectIndices(_ indices: Type, into table: Type, along dimension: Int) throws {
    try expectDimensions([dimension], of: table)
    var expected = table.with(element: indices.element)
    if indices.rank == table.rank { expected.dimensions[dimension] = indices.dimensions[dimension] }
    guard indices == expected, !indices.element.isFloatingPoint, indices.element != .bool else {
      throw ShapeError(
        name,
        "needs integers of the shape of \(table) but for dimension \(dimension), got \(indices)")
    }
    guard table.shape[dimension] > 0 || indices.elementCount == 0 else {
      throw ShapeError(name, "\(table) has no element to point at along dimension \(dimension)")
    }
  }
}

/// Where the elements at clamped indices along a dimension are.
private func indexedPositions(_ indices: HostArray, in shape: [Int], along dimension: Int) -> [Int]
{
  let (table, lines) = (Lines(shape, along: dimension), Lines(indices.shape, along: dimension))
  let integers = indices.integers
  var places = [Int](repeating: 0, count: integers.count)
  for (line, start) in lines.starts.enumerated() {
    for index in 0..<lines.length {
      let place = start + index * lines.stride
      let row = Int(min(max(integers[place], 0), Int64(table.length - 1)))
      places[place] = table.starts[line] + row * table.stride
    }
  }
  return places
}
