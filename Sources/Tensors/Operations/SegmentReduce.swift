import DeepEPElements

/// Combines rows that belong together: `result[s, c...]` is the sum, maximum or minimum of the rows
/// `i` with `segments[i] = s`.
///
/// Operands: rows `[n, c...]` and integers `[n]`; rows of segments outside of the result are dropped. A
/// segment without rows holds the reduction's identity.
package struct SegmentReduce: Operation {
  /// How rows are combined; products have no segments.
  package var reduction: Reduction
  /// The number of segments.
  package var count: Int
  package var name: String { "segmentReduce" }
  package var combination: Reduction? { reduction }

  package init(reduction: Reduction, count: Int) {
    self.reduction = reduction
    self.count = count
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2)
    let (rows, segments) = (operands[0], operands[1])
    guard reduction != .product, count >= 0 else {
      throw ShapeError(name, "\(count) segments cannot be reduced to their \(reduction.rawValue)")
    }
    guard rows.rank > 0, segments.dimensions == [rows.dimensions[0]],
      !segments.element.isFloatingPoint, segments.element != .bool
    else {
      throw ShapeError(name, "needs an integer for each row of \(rows), got \(segments)")
    }
    var result = rows
    result.dimensions[0] = .fixed(count)
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let shape = operands[0].shape
    let walks = shape.indices.map { [$0] }
    // Parts of the rows make parts of the result, to be combined.
    var factors = Factors(sizes: shape, operands: [walks, [[0]]], results: [])
    factors.results = [[[factors.addIndexed(count)]] + walks.dropFirst()]
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0]
    let row = x.shape.dropFirst().reduce(1, *)
    // Sums of floats are kept in double and rounded once: the oracle for any order.
    let element = x.element.isFloatingPoint ? ElementType.float64 : x.element
    var totals = Array(repeating: reduction.identity(element), count: types[0].elementCount)
    for (index, segment) in operands[1].integers.enumerated() {
      guard (0..<Int64(count)).contains(segment) else { continue }
      for column in 0..<row {
        let place = Int(segment) * row + column
        totals[place] = reduction.function.evaluate(totals[place], x[index * row + column], element)
      }
    }
    return [HostArray(x.element, types[0].shape, scalars: totals)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard operand == 0 else { return nil }
    let (x, segments, g) = (context.operands[0], context.operands[1], context.gradient)
    guard count > 0 else { return x.filled(with: 0) }
    let zero = x.filled(with: 0)
    let isKept = segments.compare(.greaterOrEqual, segments.filled(with: 0)).binary(
      .and, segments.compare(.less, segments.filled(with: Double(count))))
    let keeps = isKept.broadcast(like: x, dimensions: [0])
    guard reduction != .sum else { return keeps.select(g.gather(segments), zero) }
    // As for reductions, elements that tie share the gradient.
    let isHit = x.compare(.equal, context.results[0].gather(segments)).binary(.and, keeps)
    let hits = isHit.converted(to: x.type.element)
    let shares = hits.segmentSum(segments, count: count).maximum(g.filled(with: 1))
    return isHit.select((g / shares).gather(segments), zero)
  }
}
