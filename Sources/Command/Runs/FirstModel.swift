import DeepEPModels
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import FoundationEssentials

/// The model that a run begins with: a new one, or one in Hugging Face's form.
struct FirstModel {
  /// Whose weights it has; nil for a new one.
  let folder: HuggingFaceFolder?
  /// The tokens of a sequence of the run.
  let sequenceLength: Int
  private let sizes: any LanguageModelConfiguration
  private let options: Train

  /// Sequences are not longer than this unless one asks for it.
  private static let longestSequence = 1024

  /// - Throws: ``StorageError`` for a folder of another model, ``TrainingError`` for sizes that cannot be.
  init(_ options: Train) throws {
    folder = try options.from.map { try HuggingFaceFolder($0) }
    var sizes = try folder?.languageModel() ?? Self.new(options)
    try Self.setDropout(options.dropout, of: &sizes)
    sizes.window = options.window ?? sizes.window
    try sizes.check()
    (self.sizes, self.options) = (sizes, options)
    sequenceLength = options.context ?? min(sizes.context, Self.longestSequence)
  }

  private static func new(_ options: Train) -> any LanguageModelConfiguration {
    var sizes = options.model.configuration
      .resized(width: options.width, heads: options.heads)
    sizes.layers = options.layers ?? sizes.layers
    sizes.context = options.context ?? sizes.context
    return sizes
  }

  private static func setDropout(
    _ share: Double, of sizes: inout any LanguageModelConfiguration
  ) throws {
    if var gpt2 = sizes as? GPT2Configuration {
      gpt2.dropout = share
      sizes = gpt2
    } else if share > 0 {
      throw UsageError(
        "--dropout: a \(type(of: sizes).family) has none", fix: "leave it out, or train a GPT-2")
    }
  }

  /// The model for the tokens of a text.
  ///
  /// - Throws: ``TrainingError`` if the text does not fit the model.
  func description(for tokenizer: any Tokenizer) throws -> ModelDescription {
    var sizes = sizes
    if let folder {
      try check(tokenizer, folder)
    } else {
      sizes.vocabulary = tokenizer.vocabularySize
    }
    if options.keepsDocumentsApart {
      guard let start = tokenizer.endOfText else {
        throw TrainingError(
          what: "the tokenizer has no token between documents", place: "--documents-apart",
          fix: "use --tokenizer bpe, or bytes")
      }
      sizes.documentStart = Int(start)
    }
    try sizes.check()
    return ModelDescription(sizes, adaptation: adaptation)
  }

  private func check(_ tokenizer: any Tokenizer, _ folder: HuggingFaceFolder) throws {
    guard tokenizer.vocabularySize <= sizes.vocabulary else {
      throw TrainingError(
        what:
          "the tokenizer has \(tokenizer.vocabularySize) tokens, the model \(sizes.vocabulary)",
        place: folder.path, fix: "give the tokenizer of the model: --tokenizer FILE.json")
    }
    guard sequenceLength <= sizes.context else {
      throw TrainingError(
        what: "the model sees \(sizes.context) tokens at once, not \(sequenceLength)",
        place: folder.path, fix: "use --context \(sizes.context)")
    }
  }

  private var adaptation: LowRankAdaptation? {
    options.lora.map {
      LowRankAdaptation(rank: $0, alpha: options.loraAlpha, weights: options.loraWeights?.all)
    }
  }

  /// Options that fit a model to begin with: its tokenizer, unless another one is asked for.
  ///
  /// - Throws: ``UsageError`` if sizes are given that the model has already, or there is nothing to adapt.
  static func adapt(_ options: inout Train, _ given: GivenArguments<Train>) throws {
    guard let from = options.from else {
      guard options.lora == nil else {
        throw UsageError("--lora needs a model that was trained before", fix: "add --from DIR")
      }
      return
    }
    for name in ["model", "layers", "width", "heads"] where given.has(name) {
      throw UsageError(
        "--\(name) does not go with --from", fix: "leave it out: the model has its own")
    }
    let tokenizer = "\(from)/tokenizer.json"
    if options.tokenizer == Train().tokenizer, !given.has("tokenizer"),
      FileManager.default.fileExists(atPath: tokenizer)
    {
      options.tokenizer = .file(tokenizer)
    }
  }
}
