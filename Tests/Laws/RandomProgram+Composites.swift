import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  mutating func composite() {
    let x = any()
    guard let width = x.shape.last else { return }
    switch random.below(11) {
    case 0: keep(x.softmax())
    case 1:
      let norm = LayerNormalization(epsilon: random.pick([0.01, 1e-3]))
      keepAll(x.applyAll(norm, [value([width]), value([width])]))
    case 2: keep(x.gelu())
    case 3:
      let rows = Array(x.shape.dropLast())
      keepAll(x.applyAll(CrossEntropy(), [indices(rows, limit: width)]))
    case 4: attentionGradient()
    case 5: batchNormalization(x)
    case 6: dropout(x)
    case 7:
      let norm = RootMeanSquareNormalization(epsilon: random.pick([0.01, 1e-3]))
      keepAll(x.applyAll(norm, [value([width])]))
    case 8: keep(x.silu())
    case 9: rotary()
    default: attention()
    }
  }

  /// Keeps the results of a composite: only the first has a gradient, the others are for backward.
  private mutating func keepAll(_ results: [Tensor]) {
    for result in isSmooth ? [results[0]] : results { keep(result) }
  }

  private mutating func batchNormalization(_ x: Tensor) {
    let dimension = random.below(x.rank)
    let channels = [x.shape[dimension]]
    let halves = dimension > 0 && x.shape[0] % 2 == 0 && x.shape[0] > 0
    let norm = BatchNormalization(
      dimension: dimension, epsilon: 0.01, groups: halves && random.once(in: 2) ? 2 : 1)
    keepAll(x.applyAll(norm, [value(channels), value(channels)]))
  }

  private mutating func dropout(_ x: Tensor) {
    let key = argument(Type(.uint64, []))
    let first = argument(Type(.int64, []))
    keep(x.apply(DropoutMask(rate: random.pick([0.25, 0.5])), key, first))
  }

  /// Positions are small: waves of large angles have no digits to compare.
  private mutating func rotary() {
    let (rows, width) = (1 + random.below(6), 2 * (1 + random.below(5)))
    let x = value([1 + random.below(2), rows, 1 + random.below(3), width])
    let counted = Iota(type: Type(random.pick([.int32, .int64]), [rows]), dimension: 0)
    let positions = trace.apply(counted, [])[0] * Double(1 + random.below(3))
    keep(x.apply(Rotary(base: 100, isInverse: random.once(in: 3)), positions))
  }

  private mutating func attentionShapes() -> (queries: [Int], keys: [Int], isCausal: Bool) {
    let batch = 1 + random.below(2)
    let (heads, width) = (1 + random.below(2), 1 + random.below(5))
    let isCausal = random.once(in: 2)
    let length = random.once(in: 6) ? 17 : 1 + random.below(7)
    let others = isCausal ? length : 1 + random.below(7)
    return ([batch, length, heads, width], [batch, others, heads, width], isCausal)
  }

  private mutating func attention() {
    let (queries, keys, isCausal) = attentionShapes()
    let attention = Attention(scale: random.pick([0.5, 1]), isCausal: isCausal)
    keepAll(value(queries).applyAll(attention, [value(keys), value(keys)]))
  }

  /// The gradient composite on operands that need not come from an attention.
  private mutating func attentionGradient() {
    guard !isSmooth else { return attention() }
    let (queries, keys, isCausal) = attentionShapes()
    let attention = Attention(scale: 0.5, isCausal: isCausal)
    let sums = value([queries[0], queries[2], queries[1]]).hyperbolicTangent() + 1
    let operands = [value(keys), value(keys), value(queries), sums, value(queries)]
    let query = value(queries).hyperbolicTangent()
    for result in query.applyAll(AttentionGradient(attention: attention), operands) {
      keep(result.hyperbolicTangent())
    }
  }
}
