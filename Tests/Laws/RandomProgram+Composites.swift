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
    case 2: keep(x.gelu().tap("gelu"))
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

  /// What an attention is over: odd lengths, of which some need several tiles, and heads of any width.
  private struct AttentionOperands {
    var attention: Attention
    var queries: [Int]
    var keys: [Int]
    var segments: [Tensor] = []
  }

  private mutating func attentionOperands() -> AttentionOperands {
    let heads = 1 + random.below(2)
    let length = random.once(in: 6) ? random.pick([17, 65, 65, 257]) : 1 + random.below(7)
    let width = length > 60 ? random.pick([2, 4, 5]) : 1 + random.below(9)
    let batch = length > 60 ? 1 : 1 + random.below(2)
    let masks: [AttentionMask] = [
      .none, .causal, .causal, .window(length: 1 + random.below(length + 1)),
    ]
    let (mask, hasSegments) = (random.pick(masks), random.once(in: 4))
    let others = mask == .none && !hasSegments ? 1 + random.below(7) : length
    let count = length > 60 ? 1 : heads
    return AttentionOperands(
      attention: Attention(scale: random.pick([0.5, 1]), mask: mask, hasSegments: hasSegments),
      queries: [batch, length, count, width], keys: [batch, others, count, width],
      segments: hasSegments ? [indices([batch, length], limit: 3)] : [])
  }

  /// Keys or values, sometimes with a head for several of the queries'.
  private mutating func keyValues(_ shape: [Int]) -> Tensor {
    guard shape[2] > 1, random.once(in: 2) else { return value(shape) }
    let shared = value([shape[0], shape[1], 1, shape[3]])
    return shared.broadcast(to: shape, dimensions: [0, 1, 2, 3])
  }

  private mutating func attention() {
    let x = attentionOperands()
    let operands = [keyValues(x.keys), keyValues(x.keys)] + x.segments
    keepAll(value(x.queries).applyAll(x.attention, operands))
  }

  /// The gradient composite on operands that need not come from an attention.
  private mutating func attentionGradient() {
    guard !isSmooth else { return attention() }
    let x = attentionOperands()
    let sums = value([x.queries[0], x.queries[2], x.queries[1]]).hyperbolicTangent() + 1
    let operands = [
      keyValues(x.keys), keyValues(x.keys), value(x.queries), sums, value(x.queries),
    ]
    let query = value(x.queries).hyperbolicTangent()
    let gradient = AttentionGradient(attention: x.attention)
    for result in query.applyAll(gradient, operands + x.segments) {
      keep(result.hyperbolicTangent())
    }
  }
}
