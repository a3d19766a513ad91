import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  // MARK: Order along a dimension

  /// Sorting and its like, of numbers that are exact; running totals; elements at indices.
  mutating func ordering() {
    let x = orderedValue()
    guard x.rank > 0, x.type.element != .bool else { return }
    let dimension = random.below(x.rank)
    let index: ElementType = random.pick([.int32, .int64])
    switch random.below(isSmooth ? 4 : 8) {
    case 0: keep(running(x, dimension))
    case 1: along(x, dimension)
    case 2: dynamicSlice(x)
    case 3: dynamicUpdate(x)
    case 4: keepBoth(x.sorted(along: dimension, isDescending: random.once(in: 2), indicesAs: index))
    case 5:
      let count = 1 + random.below(x.shape[dimension])
      let extreme: Extreme = random.pick([.largest, .smallest])
      keepBoth(x.top(count, along: dimension, extreme, indicesAs: index))
    case 6: keep(x.indexOfLargest(along: dimension, as: index))
    default: keep(x.indexOfSmallest(along: dimension, as: index))
    }
  }

  private mutating func orderedValue() -> Tensor {
    if isSmooth { return any() }
    return integers.isEmpty || random.once(in: 2) ? random.pick(exact) : recent(integers)
  }

  private mutating func keepBoth(_ results: (values: Tensor, indices: Tensor)) {
    keepExact(results.values)
    keep(results.indices)
  }

  private mutating func running(_ x: Tensor, _ dimension: Int) -> Tensor {
    let all: [Reduction] = isSmooth ? [.sum] : Reduction.allCases
    let total = x.apply(
      Scan(
        reduction: random.pick(all), dimension: dimension,
        isExclusive: !isSmooth && random.once(in: 3),
        isReversed: random.once(in: 3)))
    // The first of an exclusive extreme is infinite.
    return x.type.element.isFloatingPoint ? total.hyperbolicTangent() : total
  }

  private mutating func along(_ x: Tensor, _ dimension: Int) {
    var shape = x.shape
    shape[dimension] = random.pick([1, 3, 7, 8])
    guard shape.reduce(1, *) <= Self.elementLimit else { return }
    let places = indices(shape, limit: x.shape[dimension])
    if random.once(in: 2) { return keep(x.gather(at: places, along: dimension)) }
    keep(x.scatterAdd(value(shape, x.type.element), at: places, along: dimension))
  }

  // MARK: Places that are known when the program runs

  private mutating func place() -> Tensor { argument(Type(random.pick([.int32, .int64]), [])) }

  private mutating func dynamicSlice(_ x: Tensor) {
    let dimensions = x.shape.indices.filter { _ in random.once(in: 2) }
    let starts = dimensions.map { _ in place() }
    let sizes = dimensions.map { 1 + random.below(x.shape[$0]) }
    guard !dimensions.isEmpty else { return }
    keep(x.dynamicSliced(at: starts, sizes: sizes, along: dimensions))
  }

  private mutating func dynamicUpdate(_ x: Tensor) {
    let dimensions = x.shape.indices.filter { _ in random.once(in: 2) }
    guard !dimensions.isEmpty else { return }
    var box = x.shape
    for dimension in dimensions { box[dimension] = 1 + random.below(x.shape[dimension]) }
    let starts = dimensions.map { _ in place() }
    keep(x.replacing(value(box, x.type.element), at: starts, along: dimensions))
  }
}
