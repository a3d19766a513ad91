import DeepEPElements

/// Rows of a table: `result[i..., c...] = table[indices[i...], c...]`.
///
/// Indices outside the table are clamped to its first and last row.
package struct Gather: Operation {
  package var name: String { "gather" }

  package init() {}

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2)
    guard operands[0].rank > 0, !operands[1].element.isFloatingPoint else {
      throw ShapeError(name, "needs a table and integers, got \(operands[0]) and \(operands[1])")
    }
    return [operands[0].with(shape: operands[1].shape + operands[0].shape.dropFirst())]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let result = results[0].shape
    let indices = operands[1].rank
    return Factors(
      sizes: result + [operands[0].shape[0]],
      operands: [
        [[result.count]] + (indices..<result.count).map { [$0] }, (0..<indices).map { [$0] },
      ],
      results: [result.indices.map { [$0] }], indexed: [result.count], flopsPerPoint: 0)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (table, indices) = (operands[0], operands[1])
    let row = table.shape.dropFirst().reduce(1, *)
    let places = indices.integers.flatMap { index in
      let start = clamped(index, table.shape[0]) * row
      return Array(start..<start + row)
    }
    return [table.gathered(places, shape: types[0].shape)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard operand == 0 else { return nil }
    let zeros = context.operands[0].filled(with: 0)
    return zeros.scatterAdd(context.operands[1], context.gradient)
  }
}

/// Adds rows to rows of a table: `result[indices[i...], c...] += updates[i..., c...]`, from the first
/// to the last.
///
/// Indices outside the table are clamped to its first and last row.
package struct ScatterAdd: Operation {
  package var name: String { "scatterAdd" }

  package init() {}

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 3)
    let (table, indices, updates) = (operands[0], operands[1], operands[2])
    guard table.rank > 0, !indices.element.isFloatingPoint,
      updates == table.with(shape: indices.shape + table.shape.dropFirst())
    else {
      throw ShapeError(
        name,
        "updates must be the rows of the table at the indices, got \(operands.map(\.description))")
    }
    return [table]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let updates = operands[2].shape
    let indices = operands[1].rank
    let table = [[updates.count]] + (indices..<updates.count).map { [$0] }
    return Factors(
      sizes: updates + [operands[0].shape[0]],
      operands: [table, (0..<indices).map { [$0] }, updates.indices.map { [$0] }],
      results: [table], indexed: [updates.count])
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (table, updates) = (operands[0], operands[2])
    var scalars = (0..<table.count).map { table[$0] }
    let row = table.shape.dropFirst().reduce(1, *)
    for (source, index) in operands[1].integers.enumerated() {
      let start = clamped(index, table.shape[0]) * row
      for column in 0..<row {
        scalars[start + column] = BinaryFunction.add.evaluate(
          scalars[start + column], updates[source * row + column], table.element)
      }
    }
    return [HostArray(table.element, table.shape, scalars: scalars)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    switch operand {
    case 0: context.gradient
    case 2: context.gradient.gather(context.operands[1])
    default: nil
    }
  }
}

private func clamped(_ index: Int64, _ count: Int) -> Int {
  Int(min(max(index, 0), Int64(count - 1)))
}
