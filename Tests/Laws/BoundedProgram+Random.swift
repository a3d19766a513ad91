import DeepEPElements
import DeepEPTensors

extension BoundedProgram {
  /// A program made by chance: both forms of one seed and number of operations do the same.
  package init(seed: UInt64, operations: Int, element: ElementType, isBounded: Bool) {
    var random = RandomSource(seed: seed)
    let bounds = (0..<2).map { _ in
      let maximum = random.pick([1, 2, 4, 7, 9])
      let extent = random.pick([0, 1, maximum - 1, maximum, random.below(maximum + 1)])
      return Bound(maximum: maximum, extent: extent)
    }
    self.init(bounds, element: element, isBounded: isBounded, seed: seed &+ 1) { program in
      var pool = [program.leaf(program.axes(2)), program.leaf(program.axes(3))]
      for _ in 0..<operations {
        let x = pool[pool.count - 1 - program.random.below(min(4, pool.count))]
        if let y = program.next(x, pool), y.axes.count <= 4 { pool.append(y) }
      }
      return Array(pool.suffix(3))
    }
  }

  private mutating func axis() -> Axis {
    random.once(in: 2) ? .bounded(random.below(2)) : .fixed(random.pick([1, 2, 3, 5]))
  }

  private mutating func axes(_ count: Int) -> [Axis] { (0..<count).map { _ in axis() } }

  /// A value of given dimensions, made before or new.
  private mutating func value(_ axes: [Axis], _ pool: [Shaped]) -> Shaped {
    let alike = pool.filter { $0.axes == axes }
    return alike.isEmpty || random.once(in: 3) ? leaf(axes) : random.pick(alike)
  }

  private mutating func next(_ x: Shaped, _ pool: [Shaped]) -> Shaped? {
    switch random.below(14) {
    case 0, 1: return elementwise(x, value(x.axes, pool))
    case 2, 3: return reduced(x)
    case 4: return moved(x)
    case 5: return spread(x)
    case 6, 7: return contracted(x)
    case 8: return rows(x)
    case 9: return joined(x)
    case 10: return refilled(x)
    case 11: return attention()
    default: return normalized(x)
    }
  }

  private mutating func elementwise(_ x: Shaped, _ y: Shaped) -> Shaped {
    let (a, b) = (x.tensor, y.tensor)
    switch random.below(7) {
    case 6: return Shaped(a.silu(), x.axes)
    case 0: return Shaped(a + b * 0.5, x.axes)
    case 1: return Shaped(a.unary(.sine) * b, x.axes)
    case 2: return Shaped(a.gelu(), x.axes)
    case 3: return Shaped(a.maximum(b), x.axes)
    case 4: return Shaped(a.compare(.less, b).select(a, b * 0.5), x.axes)
    default: return Shaped(a / (b * b + 1), x.axes)
    }
  }

  private mutating func reduced(_ x: Shaped) -> Shaped {
    let chosen = x.axes.indices.filter { _ in random.once(in: 2) }
    let dimensions = chosen.isEmpty ? Array(x.axes.indices.suffix(1)) : chosen
    let axes = x.axes.indices.filter { !dimensions.contains($0) }.map { x.axes[$0] }
    // Limits of empty reductions are infinite.
    switch random.below(6) {
    case 0: return Shaped(x.tensor.largest(dimensions).hyperbolicTangent(), axes)
    case 1: return Shaped(x.tensor.reduced(.minimum, dimensions).hyperbolicTangent(), axes)
    case 2:
      return Shaped((x.tensor * 0.25 + 1).reduced(.product, dimensions).hyperbolicTangent(), axes)
    case 3: return Shaped(x.tensor.sum(dimensions).hyperbolicTangent(), axes)
    default: return Shaped((x.tensor * x.tensor).mean(dimensions), axes)
    }
  }

  private mutating func moved(_ x: Shaped) -> Shaped {
    let shape = x.tensor.shape
    switch random.below(4) {
    case 0, 1:
      let order = random.shuffled(Array(x.axes.indices))
      return Shaped(x.tensor.transposed(order), order.map { x.axes[$0] })
    case 2:
      let place = random.below(x.axes.count + 1)
      // Of several ones a reshape cannot tell which is new.
      guard !bounds.contains(where: { $0.maximum == 1 }) else { return x }
      var (longer, axes) = (shape, x.axes)
      longer.insert(1, at: place)
      axes.insert(.fixed(1), at: place)
      return Shaped(x.tensor.reshaped(longer), axes)
    default:
      guard let place = fixedDimension(x), case .fixed(let size) = x.axes[place] else { return x }
      var (starts, sizes, axes) = (shape.map { _ in 0 }, shape, x.axes)
      starts[place] = random.below(size)
      sizes[place] = size - starts[place]
      axes[place] = .fixed(sizes[place])
      let part = x.tensor.sliced(starts, sizes: sizes)
      return random.once(in: 2)
        ? Shaped(part, axes) : Shaped(part.padded(starts, in: shape), x.axes)
    }
  }

  private mutating func fixedDimension(_ x: Shaped) -> Int? {
    let fixed = x.axes.indices.filter { if case .fixed = x.axes[$0] { true } else { false } }
    return fixed.isEmpty ? nil : random.pick(fixed)
  }

  private mutating func spread(_ x: Shaped) -> Shaped {
    let place = random.below(x.axes.count + 1)
    var axes = x.axes
    axes.insert(axis(), at: place)
    let kept = axes.indices.filter { $0 != place }
    return Shaped(x.tensor.broadcast(to: axes.map(dimension), dimensions: kept), axes)
  }

  /// A product with a value that has some of the dimensions and one of its own.
  private mutating func contracted(_ x: Shaped) -> Shaped {
    let left = Array(x.axes.indices)
    let shared = left.filter { _ in random.once(in: 2) }
    let contracted = shared.filter { _ in random.once(in: 2) }
    let own = random.once(in: 2) ? [axis()] : []
    let labels = random.shuffled(shared + own.indices.map { x.axes.count + $0 })
    let all = x.axes + own
    let y = leaf(labels.map { all[$0] })
    let result = random.shuffled(all.indices.filter { !contracted.contains($0) })
    let product = x.tensor.apply(Dot(left: left, right: labels, result: result), y.tensor)
    return Shaped(product.hyperbolicTangent(), result.map { all[$0] })
  }

  /// Rows of a table, or rows added to one.
  private mutating func rows(_ x: Shaped) -> Shaped? {
    guard let first = x.axes.first else { return nil }
    let rest = Array(x.axes.dropFirst())
    if random.once(in: 2) {
      let indices = leaf([first], element: .int32, limit: 3)
      let table = leaf([.fixed(3)] + rest)
      return Shaped(table.tensor.scatterAdd(indices.tensor, x.tensor), table.axes)
    }
    guard case .fixed(let count) = first else { return nil }
    let indices = leaf(axes(1), element: .int32, limit: count)
    return Shaped(x.tensor.gather(indices.tensor), indices.axes + rest)
  }

  private mutating func joined(_ x: Shaped) -> Shaped? {
    guard let place = fixedDimension(x), case .fixed(let size) = x.axes[place], size < 6 else {
      return nil
    }
    var (other, axes) = (x.axes, x.axes)
    other[place] = .fixed(2)
    axes[place] = .fixed(size + 2)
    return Shaped(.concatenated([x.tensor, leaf(other).tensor], along: place), axes)
  }

  /// A bounded dimension made fixed, and sometimes bounded again.
  private mutating func refilled(_ x: Shaped) -> Shaped {
    let filling = random.pick([0, 0.5])
    let whole =
      isBounded
      ? x.tensor.unbounded(filling: filling)
      : (x.tensor - filling).padded(x.axes.map { _ in 0 }, in: x.axes.map(largestSize)) + filling
    let changed = x.axes.contains { if case .bounded = $0 { true } else { false } }
    guard changed, random.once(in: 2) else { return isBounded && changed ? again(whole, x) : x }
    return Shaped(whole, x.axes.map { .fixed(largestSize($0)) })
  }

  private func again(_ whole: Tensor, _ x: Shaped) -> Shaped {
    Shaped(rebounded(whole, x.axes), x.axes)
  }

  private mutating func normalized(_ x: Shaped) -> Shaped? {
    guard let last = x.axes.last else { return nil }
    switch random.below(4) {
    case 0: return Shaped(x.tensor.softmax(), x.axes)
    case 3:
      return Shaped(x.tensor.rmsNorm(weight: leaf([last]).tensor, epsilon: 0.1), x.axes)
    case 1:
      let (weight, bias) = (leaf([last]).tensor, leaf([last]).tensor)
      return Shaped(x.tensor.layerNorm(weight: weight, bias: bias, epsilon: 0.1), x.axes)
    default:
      let rows = Array(x.axes.dropLast())
      let labels = leaf(rows, element: .int32, limit: max(1, validSize(last)))
      let loss = x.tensor.crossEntropy(labels: labels.tensor)
      return Shaped(loss.hyperbolicTangent(), rows)
    }
  }

  private mutating func attention() -> Shaped {
    let turns = random.once(in: 2)
    let (batch, heads, width) = (axis(), Axis.fixed(2), Axis.fixed(turns ? 4 : 3))
    let query = axis()
    let isCausal = random.once(in: 2)
    let keys = isCausal ? query : axis()
    let key = leaf([batch, keys, heads, width])
    let value = leaf(key.axes)
    let x = leaf([batch, query, heads, width])
    let turned = [x, key].map { turns ? $0.tensor.rotary(base: 100) : $0.tensor }
    return Shaped(
      turned[0].attention(key: turned[1], value: value.tensor, isCausal: isCausal), x.axes)
  }
}
