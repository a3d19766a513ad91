import DeepEPTensors

extension RandomProgram {
  // MARK: One element from one of each operand

  mutating func elementwise() {
    let x = any()
    switch random.below(isSmooth ? 8 : 10) {
    case 0..<3: keep(unary(x))
    case 3..<8: keep(binary(x, value(x.shape)))
    case 8: keep(chosen(x))
    default: keep(jump())
    }
  }

  private mutating func unary(_ x: Tensor) -> Tensor {
    let size = x * x + 1
    switch random.below(13) {
    case 0: return -x
    case 1: return isSmooth ? x.unary(.sine) : x.unary(.absolute)
    case 2: return x.hyperbolicTangent().exponential()
    case 3: return size.logarithm()
    case 4: return size.squareRoot()
    case 5: return size.reciprocalSquareRoot()
    case 6: return size.unary(.reciprocal)
    case 7: return x.unary(.sine)
    case 8: return x.cosine()
    case 9: return x.unary(.errorFunction)
    case 10: return (x * x).hyperbolicTangent()
    case 11: return -(-x)
    default: return x.hyperbolicTangent()
    }
  }

  private mutating func binary(_ x: Tensor, _ y: Tensor) -> Tensor {
    switch random.below(9) {
    case 0: return x + y
    case 1: return x - y
    case 2: return x * y.hyperbolicTangent()
    case 3: return x / (y * y + 1)
    case 4: return isSmooth ? x.hyperbolicTangent() - y : x.maximum(y)
    case 5: return isSmooth ? x + y.unary(.sine) : x.minimum(y)
    case 6: return (x * x + 0.5).power(y.hyperbolicTangent())
    case 7: return x * 0.5 + y * 0.5
    default: return x * random.pick([0, 1, 0.5]) + random.pick([0, 1])
    }
  }

  /// Chooses between two values by numbers that are exact.
  private mutating func chosen(_ x: Tensor) -> Tensor {
    let condition = exactValue(x.shape).compare(
      random.pick(Comparison.allCases), exactValue(x.shape))
    return random.once(in: 2)
      ? condition.select(x, value(x.shape)) : condition.converted(to: element) * x
  }

  mutating func exactValue(_ shape: [Int]) -> Tensor {
    let alike = exact.filter { $0.shape == shape }
    return alike.isEmpty ? leaf(shape) : random.pick(alike)
  }

  /// A function that jumps, of an exact value.
  private mutating func jump() -> Tensor {
    let x = random.pick(exact)
    switch random.below(5) {
    case 0: return x.unary(.sign)
    case 1: return (x * 4).unary(.floor) * 0.25
    case 2: return x.binary(.remainder, x.filled(with: 0.25))
    case 3: return x.compare(random.pick(Comparison.allCases), exactValue(x.shape))
    default: return (x * 8).converted(to: .int32).converted(to: element) * 0.125
    }
  }

  // MARK: Reductions

  mutating func reduction() {
    let x = any()
    guard x.rank > 0 else { return }
    let chosen = x.shape.indices.filter { _ in random.once(in: 2) }
    let last = Array((x.rank - 1 - random.below(x.rank))..<x.rank)
    let dimensions = random.once(in: 2) || chosen.isEmpty ? last : chosen
    let y = reduced(x, dimensions)
    keep(y)
    let kept = x.shape.indices.filter { !dimensions.contains($0) }
    if random.once(in: 2) { keep(x - y.broadcast(to: x.shape, dimensions: kept)) }
  }

  private mutating func reduced(_ x: Tensor, _ dimensions: [Int]) -> Tensor {
    switch random.below(6) {
    case 0: return isSmooth ? x.sum(dimensions).unary(.sine) : x.largest(dimensions)
    case 1: return isSmooth ? x.mean(dimensions) : x.reduced(.minimum, dimensions)
    case 2: return x.hyperbolicTangent().reduced(.product, dimensions)
    case 3: return (x * x).mean(dimensions).hyperbolicTangent()
    default: return x.mean(dimensions)
    }
  }
}
