import DeepEPTensors

/// The sizes of a Llama.
public struct LlamaConfiguration: LanguageModelConfiguration {
  /// What people call the family.
  public static let family = "Llama"

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
  /// How turns are slowed down for a longer context than that of the first training; nil leaves them.
  public var rotaryScaling: RotaryScaling?
  /// Added to the mean square in norms (`rms_norm_eps`).
  public var epsilon: Double
  /// How many positions a position sees, itself among them, as in Mistral; nil: all before it.
  public var window: Int?
  /// The token that begins a document, across which attention does not look; nil if a sequence is one
  /// document.
  public var documentStart: Int?
  /// Whether the head is the token table, as in small Llamas (`tie_word_embeddings`).
  public var hasTiedHead: Bool

  /// Makes a configuration.
  public init(
    vocabulary: Int, context: Int, width: Int, layers: Int, heads: Int, keyValueHeads: Int,
    hidden: Int, rotaryBase: Double = 10_000, rotaryScaling: RotaryScaling? = nil,
    epsilon: Double = 1e-5, window: Int? = nil, documentStart: Int? = nil, hasTiedHead: Bool = false
  ) {
    (self.vocabulary, self.context) = (vocabulary, context)
    (self.width, self.layers, self.hidden) = (width, layers, hidden)
    (self.heads, self.keyValueHeads) = (heads, keyValueHeads)
    (self.rotaryBase, self.rotaryScaling) = (rotaryBase, rotaryScaling)
    (self.window, self.documentStart) = (window, documentStart)
    (self.epsilon, self.hasTiedHead) = (epsilon, hasTiedHead)
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
    rotaryScaling = try container.decodeIfPresent(RotaryScaling.self, forKey: .rotaryScaling)
    epsilon = try container.decode(Double.self, forKey: .epsilon)
    window = try container.decodeIfPresent(Int.self, forKey: .window)
    documentStart = try container.decodeIfPresent(Int.self, forKey: .documentStart)
    hasTiedHead = try container.decodeIfPresent(Bool.self, forKey: .hasTiedHead) ?? false
  }

  /// The number of weights.
  public var parameterCount: Int {
    let attention = 2 * (heads + keyValueHeads) * headWidth * width
    let block = attention + 3 * width * hidden + 2 * width
    return (hasTiedHead ? 1 : 2) * vocabulary * width + layers * block + width
  }

  /// Why there is no such model.
  public var mistake: ConfigurationMistake? {
    if let commonMistake { return commonMistake }
    guard (1...1 << 24).contains(hidden) else {
      return ConfigurationMistake("hidden is \(hidden)", fix: "use a positive number")
    }
    guard heads % keyValueHeads == 0 else {
      return ConfigurationMistake(
        "\(heads) heads do not divide by \(keyValueHeads) of keys and values",
        fix: "use a multiple of \(keyValueHeads)")
    }
    guard headWidth % 2 == 0 else {
      return ConfigurationMistake(
        "heads of width \(headWidth) have no pairs to turn", fix: "use an even width of heads")
    }
    return rotaryScaling?.mistake.map {
      ConfigurationMistake($0, fix: "use what the model was trained with")
    }
  }

  /// A model with these sizes.
  public func model(_ scheme: WeightScheme?) -> any LanguageModel { Llama(self, scheme: scheme) }

  /// The same proportions of hidden values and of heads of keys and values with another width or number of
  /// heads.
  public func resized(width: Int?, heads: Int?) -> LlamaConfiguration {
    var sizes = self
    (sizes.width, sizes.heads) = (width ?? self.width, heads ?? self.heads)
    sizes.hidden = hidden * sizes.width / max(1, self.width)
    sizes.keyValueHeads = max(1, keyValueHeads * sizes.heads / max(1, self.heads))
    return sizes
  }
}
