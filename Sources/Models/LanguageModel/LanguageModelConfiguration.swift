import DeepEPTensors

/// The sizes of the language models of one family.
public protocol LanguageModelConfiguration: Hashable, Codable, Sendable {
  /// What people call the family.
  static var family: String { get }

  /// The number of different tokens.
  var vocabulary: Int { get set }
  /// The longest sequence.
  var context: Int { get set }
  /// The width of the residual stream.
  var width: Int { get }
  /// The number of blocks.
  var layers: Int { get set }
  /// The number of attention heads.
  var heads: Int { get }
  /// The number of heads of keys and values.
  var keyValueHeads: Int { get }
  /// The width inside the network of a block.
  var hidden: Int { get }
  /// How many positions a position sees, itself among them; nil: all before it.
  var window: Int? { get set }
  /// The token that begins a document; nil if a sequence is one document.
  var documentStart: Int? { get set }
  /// The number of weights.
  var parameterCount: Int { get }
  /// Why no model of the family can have these sizes, and what would fix it; nil if one can.
  var mistake: ConfigurationMistake? { get }

  /// A model with these sizes.
  ///
  /// - Parameter scheme: How its weights get their first values; nil is the family's way.
  func model(_ scheme: WeightScheme?) -> any LanguageModel

  /// The same proportions with another width, or another number of heads, or both; nil leaves one as it is.
  func resized(width: Int?, heads: Int?) -> Self
}

/// What is wrong with the sizes of a model.
public struct ConfigurationMistake: Hashable, Sendable {
  /// What is wrong.
  public var what: String
  /// What would fix it.
  public var fix: String

  /// Describes a mistake.
  public init(_ what: String, fix: String) { (self.what, self.fix) = (what, fix) }
}

extension LanguageModelConfiguration {
  /// The width of a head.
  public var headWidth: Int { width / max(1, heads) }

  /// Which positions a position sees, as far as they are of its document.
  var mask: AttentionMask { window.map { .window(length: $0) } ?? .causal }

  /// The width that all heads of a group have, which share keys and values: widths are multiples of it.
  public var groupWidth: Int { headWidth * (heads / max(1, keyValueHeads)) }

  /// A model with these sizes, whose weights get their first values in the family's way.
  public func model() -> any LanguageModel { model(nil) }

  /// The type of a layer's keys, and of its values, in the cache of a number of sequences.
  package func cacheType(batch: Int) -> Type {
    Type(.float32, [batch, context, keyValueHeads, headWidth])
  }

  /// What is wrong with the sizes that all families have.
  var commonMistake: ConfigurationMistake? {
    for (name, value) in [
      ("vocabulary", vocabulary), ("context", context), ("width", width), ("layers", layers),
      ("heads", heads), ("keyValueHeads", keyValueHeads), ("window", window ?? 1),
    ] where value < 1 || value > 1 << 24 {
      return ConfigurationMistake("\(name) is \(value)", fix: "use a positive number")
    }
    guard width % heads == 0 else {
      return ConfigurationMistake(
        "width \(width) does not divide by \(heads) heads",
        fix: "use a width of \(heads * max(1, width / heads)) or another number of heads")
    }
    guard documentStart.map((0..<vocabulary).contains) ?? true else {
      return ConfigurationMistake(
        "documentStart is no token of \(vocabulary)", fix: "name one that the vocabulary has")
    }
    let inner = Double(width) * Double(max(4 * width, hidden))
    guard Double(layers) * inner * 4 < 0x1p60 else {
      return ConfigurationMistake(
        "\(layers) layers of width \(width) have more weights than can be counted",
        fix: "use less than 2^60")
    }
    return nil
  }
}
