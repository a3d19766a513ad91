import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  // MARK: Movement

  mutating func movement() {
    let isExact = random.once(in: 4)
    let x = isExact ? random.pick(exact) : any()
    guard x.rank > 0, let y = moved(x, joins: !isExact) else { return }
    isExact ? keepExact(y) : keep(y)
  }

  /// Elements in other places, and where it joins with others also those of other values.
  mutating func moved(_ x: Tensor, joins: Bool = true) -> Tensor? {
    switch random.below(joins ? 7 : 5) {
    case 0, 1: return x.transposed(random.shuffled(Array(x.shape.indices)))
    case 2, 3: return x.reshaped(otherShape(x.type.elementCount))
    case 4: return slice(x)
    case 5: return pad(x)
    default: return concatenated(x)
    }
  }

  /// A shape of a number of elements.
  private mutating func otherShape(_ count: Int) -> [Int] {
    var (rest, shape) = (count, [Int]())
    while rest > 1, shape.count < 3 {
      let factor = random.pick((1...rest).filter { rest % $0 == 0 })
      shape.append(factor)
      rest /= factor
    }
    if rest > 1 || random.once(in: 4) { shape.append(rest) }
    return random.shuffled(shape)
  }

  private mutating func slice(_ x: Tensor) -> Tensor {
    let starts = x.shape.map { random.once(in: 2) ? 0 : random.below($0) }
    let sizes = zip(x.shape, starts).map {
      random.once(in: 2) ? $0 - $1 : 1 + random.below($0 - $1)
    }
    return x.sliced(starts, sizes: sizes)
  }

  private mutating func pad(_ x: Tensor) -> Tensor {
    let starts = x.shape.map { _ in random.below(3) }
    let shape = zip(x.shape, starts).map { $0 + $1 + random.below(2) }
    let padded = x.padded(starts, in: shape)
    guard random.once(in: 2) else { return padded }
    // Two boxes side by side, as the gradient of a split makes them.
    var next = starts
    let dimension = random.below(x.rank)
    next[dimension] += x.shape[dimension]
    var whole = shape
    whole[dimension] = max(whole[dimension], next[dimension] + x.shape[dimension])
    let other = value(x.shape, x.type.element).padded(next, in: whole)
    return x.padded(starts, in: whole).binary(.add, other)
  }

  private mutating func concatenated(_ x: Tensor) -> Tensor {
    let dimension = random.below(x.rank)
    var parts = [x]
    for _ in 0..<1 + random.below(2) {
      var shape = x.shape
      shape[dimension] = random.pick(Self.sizes.filter { $0 < 9 })
      parts.append(random.once(in: 3) ? x : value(shape, x.type.element))
    }
    return Tensor.concatenated(random.shuffled(parts), along: dimension)
  }

  // MARK: Indices

  /// Indices into a table of `limit` rows; some may lie outside.
  mutating func indices(_ shape: [Int], limit: Int) -> Tensor {
    let type = Type(random.pick([.int32, .int64]), shape)
    let any = random.once(in: 4) ? slot(type) : argument(type)
    if random.once(in: 3) { return any }
    return any.binary(.remainder, any.filled(with: Double(limit)))
  }

  mutating func indexed() {
    let table = any()
    guard table.rank > 0 else { return }
    let rows = random.once(in: 6) ? [] : shape(rank: 1 + random.below(2))
    guard (rows + table.shape.dropFirst()).reduce(1, *) <= Self.elementLimit else { return }
    let rowIndices = indices(rows, limit: table.shape[0])
    if random.once(in: 2) { return keep(table.gather(rowIndices)) }
    let start = random.once(in: 2) ? table : table.filled(with: 0)
    let updates = value(rows + table.shape.dropFirst())
    keep(start.scatterAdd(rowIndices, updates).hyperbolicTangent())
  }

  // MARK: Contractions

  mutating func contraction() {
    let x = any()
    guard x.rank > 0, let product = contracted(x, { $0.value($1) }) else { return }
    keep(product)
  }

  /// A linear layer: a `dot` with biases and scales, a number for each column, and mostly one more `dot`
  /// that needs the sums in memory.
  mutating func linear() {
    let x = any()
    guard x.rank > 0, x.rank < 4 else { return }
    let (inner, columns) = (x.shape[x.rank - 1], random.pick([1, 2, 3, 5, 8, 17]))
    guard x.type.elementCount / max(inner, 1) * columns <= Self.elementLimit else { return }
    let labels = Array(0..<x.rank)
    let dot = Dot(
      left: labels, right: [x.rank - 1, x.rank], result: labels.dropLast() + [x.rank],
      element: nil)
    var y = x.apply(dot, value([inner, columns], x.type.element) * (1 / Double(max(inner, 1))))
    for _ in 0..<1 + random.below(2) {
      let row = leaf([columns], x.type.element).broadcast(to: y.shape, dimensions: [y.rank - 1])
      y = random.once(in: 3) ? y * row : y + row
    }
    keep(y)
    if !random.once(in: 3), let next = contracted(y, { $0.value($1) }) { keep(next) }
  }

  /// A `dot` with labels of every kind: batch, contracted, free; nil if it would be large.
  mutating func contracted(
    _ x: Tensor, _ value: (inout RandomProgram, [Int]) -> Tensor
  ) -> Tensor? {
    let left = Array(0..<x.rank)
    let shared = left.filter { _ in !random.once(in: 3) }
    let contracted = shared.filter { _ in random.once(in: 2) }
    let free = random.below(3)
    let right = random.shuffled(shared + (0..<free).map { x.rank + $0 })
    let sizes = x.shape + (0..<free).map { _ in random.pick([1, 2, 3, 5, 8, 17]) }
    let kept = (0..<x.rank + free).filter { !contracted.contains($0) }
    let count = { (labels: [Int]) in labels.map { sizes[$0] }.reduce(1, *) }
    guard count(right) <= Self.elementLimit, count(kept) <= Self.elementLimit,
      count(kept) * count(contracted) <= 20_000
    else { return nil }
    let dot = Dot(left: left, right: right, result: random.shuffled(kept))
    let y = value(&self, right.map { sizes[$0] })
    let product = random.once(in: 5) ? swapped(dot, x, y) : x.apply(dot, y)
    guard x.type.element.isFloatingPoint else { return product }
    return product * (1 / Double(count(contracted)))
  }

  private func swapped(_ dot: Dot, _ x: Tensor, _ y: Tensor) -> Tensor {
    y.apply(Dot(left: dot.right, right: dot.left, result: dot.result), x)
  }
}
