import DeepEPTensors

/// How the weights of a language model get their first values.
public enum WeightScheme: Hashable, Codable, Sendable {
  /// As GPT-2: normal with deviation 0.02, that of projections into the residual stream divided by
  /// `sqrt(2 · layers)` (Radford et al.: Language Models are Unsupervised Multitask Learners, 2019).
  case gpt2(layers: Int)
  /// Uniform with deviation 0.02 from numbered streams: the same numbers in every framework, for
  /// comparisons.
  case portable

  /// A weight of a GPT-2's block.
  enum Weight: UInt64 {
    case queryKeyValue, attentionOutput, up, down
  }

  private static let portableBound = 0.02 * 3.0.squareRoot()

  /// The initialiser of a weight `[output, input]` of block number `block` of a GPT-2.
  func weight(_ block: Int, _ weight: Weight) -> Initializer {
    let isResidual = weight == .attentionOutput || weight == .down
    return matrix(3 + 4 * UInt64(block) + weight.rawValue, isResidual: isResidual)
  }

  /// The initialiser of a weight `[output, input]`.
  ///
  /// - Parameters:
  ///   - number: The number of its stream, different for each weight of a model.
  ///   - isResidual: Whether it projects into the residual stream.
  func matrix(_ number: UInt64, isResidual: Bool = false) -> Initializer {
    switch self {
    case .gpt2(let layers):
      let scale = isResidual ? 1 / (2 * Double(layers)).squareRoot() : 1
      return .normal(deviation: 0.02 * scale)
    case .portable:
      return .uniform(bound: Self.portableBound, stream: .number(number))
    }
  }

  /// The initialiser of an embedding: 0 for tokens, 1 for positions.
  func embedding(_ table: UInt64) -> Initializer {
    switch self {
    case .gpt2: .normal(deviation: table == 0 ? 0.02 : 0.01)
    case .portable: .uniform(bound: Self.portableBound, stream: .number(1 + table))
    }
  }
}
