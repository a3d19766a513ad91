/// The sizes of a Llama.
public struct LlamaConfiguration: Hashable, Codable, Sendable {
  /// The number of different tokens.
  public var vocabulary: Int
  /// The longest sequence that it is trained on; positions have no table, so weights do not depend on it.
  public var context: Int
  /// The width of the residual stream.
  public var width: Int
  /// The number of blocks.
  public var layers: Int
  /// The number of heads of queries; divides the width.
  public var heads: Int
  /// The number of heads of keys and values; divides that of queries.
  public var keyValueHeads: Int
  /// The number of hidden values of a block's network.
  public var hidden: Int
  /// How slowly the last pairs of rotary positions turn (`rope_theta` of Hugging Face).
  public var rotaryBase: Double
  /// Added to the mean square in norms (`rms_norm_eps`).
  public var epsilon: Double

  /// Whether the head is the token table, as in small Llamas (`tie_word_embeddings`).
  public var hasTiedHead: Bool

  /// Makes a configuration.
  public init(
    vocabulary: Int, context: Int, width: Int, layers: Int, heads: Int, keyValueHeads: Int,
    hidden: Int, rotaryBase: Double = 10_000, epsilon: Double = 1e-5, hasTiedHead: Bool = false
  ) {
    self.vocabulary = vocabulary
    self.context = context
    self.width = width
    self.layers = layers
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.hidden = hidden
    self.rotaryBase = rotaryBase
    self.epsilon = epsilon
    self.hasTiedHead = hasTiedHead
  }

  /// Reads a configuration; one without `hasTiedHead` has a head of its own.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    vocabulary = try container.decode(Int.self, forKey: .vocabulary)
    context = try container.decode(Int.self, forKey: .context)
    width = try container.decode(Int.self, forKey: .width)
    layers = try container.decode(Int.self, forKey: .layers)
    heads = try container.decode(Int.self, forKey: .heads)
    keyValueHeads = try container.decode(Int.self, forKey: .keyValueHeads)
    hidden = try container.decode(Int.self, forKey: .hidden)
    rotaryBase = try container.decode(Double.self, forKey: .rotaryBase)
    epsilon = try container.decode(Double.self, forKey: .epsilon)
    hasTiedHead = try container.decodeIfPresent(Bool.self, forKey: .hasTiedHead) ?? false
  }

  /// The width of a head.
  public var headWidth: Int { width / max(1, heads) }

  /// The number of weights.
  public var parameterCount: Int {
    let attention = 2 * (heads + keyValueHeads) * headWidth * width
    let block = attention + 3 * width * hidden + 2 * width
    return (hasTiedHead ? 1 : 2) * vocabulary * width + layers * block + width
  }
}
