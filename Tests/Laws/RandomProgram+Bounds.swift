import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  // MARK: Dimensions of which a first part is valid

  /// A value of which a part is valid goes through some operations, and is made whole again.
  mutating func bounds() {
    let x = any()
    guard x.rank > 0 else { return }
    var y = x.bounded(along: random.below(x.rank), extent: extent(upTo: x))
    for _ in 0..<1 + random.below(4) {
      let next = bounded(y)
      if next.rank <= 4, next.type.elementCount <= Self.elementLimit { y = next }
    }
    keep(y.unbounded(filling: random.pick([0, 0.5, 1])))
  }

  /// How much is valid of any dimension of a value, from nothing to all of the smallest: a number that
  /// is passed in, or counted.
  private mutating func extent(upTo x: Tensor) -> Tensor {
    let size = x.shape.min() ?? 0
    guard random.once(in: 2) else {
      let number = argument(Type(.int32, []))
      return number.binary(.remainder, number.filled(with: Double(size + 1))).maximum(
        number.filled(with: 0))
    }
    let numbers = argument(Type(.int32, [size]))
    return numbers.compare(.greater, numbers.filled(with: 0)).converted(to: .int32).sum()
  }

  /// The extents of a value's bounded dimensions.
  private func extents(_ x: Tensor) -> [Tensor] {
    x.type.dimensions.compactMap(\.extent).map { Tensor(trace, $0) }
  }

  /// Another value whose dimensions are those of `x`.
  private mutating func like(_ x: Tensor, _ dimensions: [Int]) -> Tensor {
    let whole = value(dimensions.map { x.shape[$0] })
    return dimensions.enumerated().reduce(whole) { result, place in
      guard let extent = x.type.dimensions[place.element].extent else { return result }
      return result.bounded(along: place.offset, extent: Tensor(trace, extent))
    }
  }

  private mutating func bounded(_ x: Tensor) -> Tensor {
    let all = Array(x.shape.indices)
    switch random.below(10) {
    case 0: return x.unary(.sine)
    case 1: return x.hyperbolicTangent() * 0.5 + like(x, all) * 0.5
    case 2: return x / (like(x, all) * like(x, all) + 1)
    case 3: return x.transposed(random.shuffled(all))
    case 4: return again(x)
    case 5: return x.rank > 0 ? normalized(x) : x
    case 6: return boundedProduct(x)
    case 7: return boundedRows(x)
    default: return boundedReduction(x)
    }
  }

  /// One more dimension that is bounded, by an extent that the value has or a new one.
  private mutating func again(_ x: Tensor) -> Tensor {
    let fixed = x.shape.indices.filter { x.type.dimensions[$0].extent == nil }
    guard !fixed.isEmpty else { return x.unary(.sine) }
    let dimension = random.pick(fixed)
    let known = x.type.dimensions.compactMap { other -> Tensor? in
      // An extent is at most the size of what it was made for.
      guard let extent = other.extent, other.size <= x.shape[dimension] else { return nil }
      return Tensor(trace, extent)
    }
    let isKnown = !known.isEmpty && random.once(in: 2)
    return x.bounded(
      along: dimension, extent: isKnown ? random.pick(known) : extent(upTo: x))
  }

  private mutating func normalized(_ x: Tensor) -> Tensor {
    let last = [x.rank - 1]
    guard random.once(in: 2) else { return x.softmax() }
    if random.once(in: 3) { return x.rmsNorm(weight: like(x, last), epsilon: 0.1) }
    return x.layerNorm(weight: like(x, last), bias: like(x, last), epsilon: 0.1)
  }

  private mutating func boundedReduction(_ x: Tensor) -> Tensor {
    let chosen = x.shape.indices.filter { _ in random.once(in: 2) }
    let dimensions = chosen.isEmpty ? Array(x.shape.indices.suffix(1)) : chosen
    // The extremes of nothing are infinite.
    switch random.below(isSmooth ? 3 : 5) {
    case 0: return x.sum(dimensions).hyperbolicTangent()
    case 1: return (x * x).mean(dimensions)
    case 2: return x.hyperbolicTangent().reduced(.product, dimensions)
    case 3: return x.largest(dimensions).hyperbolicTangent()
    default: return x.reduced(.minimum, dimensions).hyperbolicTangent()
    }
  }

  /// A product with a value that has some of the dimensions, and perhaps one of its own.
  private mutating func boundedProduct(_ x: Tensor) -> Tensor {
    let left = Array(x.shape.indices)
    let shared = left.filter { _ in random.once(in: 2) }
    let contracted = shared.filter { _ in random.once(in: 2) }
    let kept = left.filter { !contracted.contains($0) }
    let dot = Dot(left: left, right: shared, result: random.shuffled(kept))
    return x.apply(dot, like(x, shared)).hyperbolicTangent()
  }

  /// Rows that belong to segments, or are added to a table.
  private mutating func boundedRows(_ x: Tensor) -> Tensor {
    guard x.rank > 0, x.shape[0] > 0 else { return x }
    let whole = indices([x.shape[0]], limit: 3)
    let rows =
      x.type.dimensions[0].extent.map {
        whole.bounded(along: 0, extent: Tensor(trace, $0))
      } ?? whole
    if random.once(in: 2) { return x.segmentSum(rows, count: 3).hyperbolicTangent() }
    let table = value([3]).broadcast(
      to: [.fixed(3)] + x.type.dimensions.dropFirst(), dimensions: [0])
    return table.scatterAdd(rows, x).hyperbolicTangent()
  }

  // MARK: Order of the valid part

  /// Sorting and its like where a part is valid, of numbers that are exact.
  mutating func orderedBounds() {
    let x = integers.isEmpty || random.once(in: 2) ? random.pick(exact) : recent(integers)
    guard x.rank > 0, x.type.element != .bool else { return }
    let (bounded, dimension) = (random.below(x.rank), random.below(x.rank))
    let y = x.bounded(along: bounded, extent: extent(upTo: x))
    switch random.below(3) {
    case 0:
      let sorted = y.sorted(along: dimension, isDescending: random.once(in: 2))
      keepExact(sorted.values.unbounded(filling: 1))
      keep(sorted.indices.unbounded(filling: 0))
    case 1:
      let largest = random.once(in: 2)
      keep(
        (largest ? y.indexOfLargest(along: dimension) : y.indexOfSmallest(along: dimension))
          .unbounded(filling: 7))
    default:
      let scan = Scan(
        reduction: random.pick(Reduction.allCases), dimension: dimension,
        isReversed: random.once(in: 2))
      let totals = y.apply(scan).unbounded(filling: 0)
      keep(x.type.element.isFloatingPoint ? totals.hyperbolicTangent() : totals)
    }
  }
}
