import DeepEPElements

/// Running totals along a dimension: each element combined with all before it.
package struct Scan: Operation {
  /// How elements are combined.
  package var reduction: Reduction
  /// The dimension.
  package var dimension: Int
  /// Whether a total leaves out its own element: the first is then the reduction's identity.
  package var isExclusive: Bool
  /// Whether totals run from the last element to the first.
  package var isReversed: Bool
  package var name: String { "scan" }

  package init(
    reduction: Reduction, dimension: Int, isExclusive: Bool = false, isReversed: Bool = false
  ) {
    self.reduction = reduction
    self.dimension = dimension
    self.isExclusive = isExclusive
    self.isReversed = isReversed
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    try expectDimensions([dimension], of: operands[0])
    return operands
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = Factors.elementwise(results[0].shape, operands: 1)
    factors.whole = [dimension]
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0]
    // Totals of floats are kept in double and rounded once: the oracle for any order.
    let element = x.element.isFloatingPoint ? ElementType.float64 : x.element
    let lines = Lines(x.shape, along: dimension)
    var totals = (0..<x.count).map { x[$0] }
    for line in lines.starts.indices {
      var total = reduction.identity(element)
      let places = lines.positions(line)
      for place in isReversed ? places.reversed() : places {
        let next = reduction.function.evaluate(total, x[place], element)
        totals[place] = isExclusive ? total : next
        total = next
      }
    }
    return [HostArray(x.element, x.shape, scalars: totals)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let x = context.operands[0]
    switch reduction {
    case .sum: return back(context.gradient)
    case .product: return gradientOfProducts(x, context.results[0], context.gradient)
    case .maximum, .minimum: return gradientOfExtremes(x, context.gradient)
    }
  }

  /// The sum of what reaches an element through the totals that it is part of.
  private func back(_ gradient: Tensor) -> Tensor {
    gradient.scanned(
      .sum, along: dimension, isExclusive: isExclusive, isReversed: !isReversed)
  }

  /// With one factor zero, the derivative by it is what the totals are with a one in its place; before
  /// it `total / x`, after it nothing.
  private func gradientOfProducts(_ x: Tensor, _ totals: Tensor, _ gradient: Tensor) -> Tensor {
    let (zero, one) = (x.filled(with: 0), x.filled(with: 1))
    let isZero = x.compare(.equal, zero)
    let zeros = isZero.converted(to: .int32).scanned(
      .sum, along: dimension, isReversed: isReversed)
    let isBefore = zeros.compare(.equal, zeros.filled(with: 0))
    let isFirst = isZero.binary(.and, zeros.compare(.equal, zeros.filled(with: 1)))
    let without = isFirst.select(one, x).apply(self)
    let before = back(gradient * totals) / isZero.select(one, x)
    return isBefore.select(before, isFirst.select(back(gradient * without), zero))
  }

  /// The gradient of a running extreme belongs to the element that set it, the first in a tie.
  private func gradientOfExtremes(_ x: Tensor, _ gradient: Tensor) -> Tensor {
    let earlier = x.scanned(reduction, along: dimension, isExclusive: true, isReversed: isReversed)
    let place = x.indices(along: dimension)
    let start =
      isReversed
      ? (x.count(along: dimension) - 1).broadcast(like: place, dimensions: [])
      : place.filled(with: 0)
    let isStart = place.compare(.equal, start)
    let sets = x.compare(reduction == .maximum ? .greater : .less, earlier).binary(.or, isStart)
    let holder = sets.select(place, start).scanned(
      isReversed ? .minimum : .maximum, along: dimension, isExclusive: isExclusive,
      isReversed: isReversed)
    let zero = x.filled(with: 0)
    // The first of exclusive totals is a constant; its holder, an integer's limit, is clamped.
    let own = isExclusive ? isStart.select(zero, gradient) : gradient
    return x.zerosAdding(own, at: holder, along: dimension)
  }
}
