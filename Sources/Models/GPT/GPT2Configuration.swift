/// The sizes of a GPT-2; those of GPT-3 are of the same family.
public struct GPT2Configuration: LanguageModelConfiguration {
  /// What people call the family.
  public static let family = "GPT-2"

  /// The number of different tokens.
  public var vocabulary: Int
  /// The longest sequence: so many positions have a vector of their own.
  public var context: Int
  /// The width of the residual stream.
  public var width: Int
  /// The number of blocks.
  public var layers: Int
  /// The number of attention heads; divides the width.
  public var heads: Int
  /// The share of elements that training drops after the embeddings, attention and the network of each
  /// block (`embd_pdrop` and `resid_pdrop` of Hugging Face).
  public var dropout: Double
  /// How many positions a position sees, itself among them; nil: all before it.
  public var window: Int?
  /// The token that begins a document, across which attention does not look; nil if a sequence is one
  /// document.
  ///
  /// Positions count through all documents of a sequence.
  public var documentStart: Int?

  /// Makes a configuration.
  public init(
    vocabulary: Int, context: Int, width: Int, layers: Int, heads: Int, dropout: Double = 0,
    window: Int? = nil, documentStart: Int? = nil
  ) {
    (self.vocabulary, self.context) = (vocabulary, context)
    (self.width, self.layers, self.heads) = (width, layers, heads)
    (self.dropout, self.window, self.documentStart) = (dropout, window, documentStart)
  }

  /// Reads a configuration; one without `dropout` has none.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    vocabulary = try container.decode(Int.self, forKey: .vocabulary)
    context = try container.decode(Int.self, forKey: .context)
    width = try container.decode(Int.self, forKey: .width)
    layers = try container.decode(Int.self, forKey: .layers)
    heads = try container.decode(Int.self, forKey: .heads)
    dropout = try container.decodeIfPresent(Double.self, forKey: .dropout) ?? 0
    window = try container.decodeIfPresent(Int.self, forKey: .window)
    documentStart = try container.decodeIfPresent(Int.self, forKey: .documentStart)
  }

  /// As many as heads: each has its own.
  public var keyValueHeads: Int { heads }

  /// Four times the width.
  public var hidden: Int { 4 * width }

  /// The number of weights.
  public var parameterCount: Int {
    let block = 12 * width * width + 13 * width
    return (vocabulary + context) * width + layers * block + 2 * width
  }

  /// Why there is no such model.
  public var mistake: ConfigurationMistake? {
    if let commonMistake { return commonMistake }
    guard !(0..<1).contains(dropout) else { return nil }
    return ConfigurationMistake("dropout is \(dropout)", fix: "use a share from 0 to below 1")
  }

  /// A model with these sizes.
  public func model(_ scheme: WeightScheme?) -> any LanguageModel { GPT2(self, scheme: scheme) }

  /// The same with another width or number of heads.
  public func resized(width: Int?, heads: Int?) -> GPT2Configuration {
    var sizes = self
    (sizes.width, sizes.heads) = (width ?? self.width, heads ?? self.heads)
    return sizes
  }
}
