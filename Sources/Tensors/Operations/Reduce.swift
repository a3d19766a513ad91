import DeepEPElements

/// Combines the elements along some dimensions, which the result no longer has.
package struct Reduce: Operation {
  /// How elements are combined.
  package var reduction: Reduction
  /// The dimensions that disappear, ascending.
  package var dimensions: [Int]
  package var name: String { "reduce" }
  package var combination: Reduction? { reduction }

  package init(reduction: Reduction, dimensions: [Int]) {
    self.reduction = reduction
    self.dimensions = dimensions
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    let known = operands[0].dimensions.indices
    guard dimensions.allSatisfy(known.contains), Set(dimensions).count == dimensions.count else {
      throw ShapeError(name, "\(operands[0]) cannot be reduced over dimensions \(dimensions)")
    }
    let kept = known.filter { !dimensions.contains($0) }
    var result = operands[0]
    result.dimensions = kept.map { operands[0].dimensions[$0] }
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let all = operands[0].shape.indices
    return Factors(
      sizes: operands[0].shape, operands: [all.map { [$0] }],
      results: [all.filter { !dimensions.contains($0) }.map { [$0] }])
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0]
    let kept = x.shape.indices.filter { !dimensions.contains($0) }
    let shape = kept.map { x.shape[$0] }
    // Sums of floats are kept in double and rounded once: the oracle for any order.
    let element = x.element.isFloatingPoint ? ElementType.float64 : x.element
    var totals = Array(
      repeating: reduction.identity(element), count: shape.reduce(1, *))
    let places = positions(of: x.shape, in: shape) { index in kept.map { index[$0] } }
    for (source, place) in places.enumerated() {
      totals[place] = reduction.function.evaluate(totals[place], x[source], element)
    }
    return [HostArray(x.element, shape, scalars: totals)]
  }

  package func elementsBeyondExtent(
    along dimension: Int, ofOperand operand: Int, _ type: Type
  ) -> ElementsBeyondExtent { .replaced(by: reduction.maskIdentity(type.element)) }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let x = context.operands[0]
    let kept = x.shape.indices.filter { !dimensions.contains($0) }
    let spread = { (y: Tensor) in y.broadcast(like: x, dimensions: kept) }
    let g = spread(context.gradient)
    switch reduction {
    case .sum: return g
    case .product: return gradientOfProduct(x, g, spread)
    case .maximum, .minimum:
      let hits = x.compare(.equal, spread(context.results[0])).converted(to: x.type.element)
      return g * hits / spread(hits.sum(dimensions))
    }
  }

  /// The product of the other factors, without dividing by one that is zero: with a zero among the
  /// others there is no derivative.
  private func gradientOfProduct(
    _ x: Tensor, _ gradient: Tensor, _ spread: (Tensor) -> Tensor
  ) -> Tensor {
    let isZero = x.compare(.equal, x.filled(with: 0))
    let factors = isZero.select(x.filled(with: 1), x)
    let others = spread(factors.reduced(.product, dimensions)) / factors
    let count = isZero.converted(to: .int32)
    let hasNone = spread(count.sum(dimensions)).compare(.equal, count)
    return hasNone.select(gradient * others, x.filled(with: 0))
  }
}
