import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  /// Rows that belong together: reduced to one row for each segment, or multiplied by a matrix of
  /// their group.
  mutating func groups() {
    let isInteger = !isSmooth && random.once(in: 3)
    let x = isInteger ? anyInteger() : any()
    guard x.rank > 0 else { return }
    random.once(in: 2) ? segments(x) : groupedProduct(x)
  }

  private mutating func segments(_ x: Tensor) {
    let count = random.pick([1, 3, 7, 8, 65])
    guard count * (x.type.elementCount / x.shape[0]) <= Self.elementLimit else { return }
    let reductions: [Reduction] = isSmooth ? [.sum] : [.sum, .maximum, .minimum]
    let operation = SegmentReduce(reduction: random.pick(reductions), count: count)
    let result = x.apply(operation, segmentNumbers(x.shape[0], count))
    // The extreme of a segment without rows is infinite.
    keep(x.type.element.isFloatingPoint ? result.hyperbolicTangent() : result)
  }

  private mutating func segmentNumbers(_ rows: Int, _ count: Int) -> Tensor {
    random.once(in: 3)
      ? value([rows], random.pick(integerElements)) : indices([rows], limit: count)
  }

  private mutating func groupedProduct(_ x: Tensor) {
    guard x.type.element != .bool else { return }
    let rows = x.reshaped([x.shape[0], x.type.elementCount / x.shape[0]])
    let (m, k) = (rows.shape[0], rows.shape[1])
    let (groups, n) = (random.pick([1, 2, 4, 7]), random.pick([1, 3, 8, 17]))
    guard m * n <= Self.elementLimit, groups * k * n <= Self.elementLimit, m * k * n <= 20_000
    else { return }
    let sizes = argument(Type(.int32, [groups]))
    let element = x.type.element
    let product =
      random.once(in: 2)
      ? rows.groupedDot(value([groups, k, n], element), sizes: sizes)
      : rows.apply(GroupedDotWeightGradient(), sizes, value([m, n], element))
    keep(element.isFloatingPoint ? product.hyperbolicTangent() : product)
  }
}
