import DeepEPModels
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import FoundationEssentials

/// The model of a run: a new one, or one that was trained before.
struct FirstModel {
  /// Whose weights the run begins with; nil for new ones, and for a run that goes on.
  let pretrained: (any PretrainedModel)?
  /// What makes its tokens: what is asked for, or what the model was trained with.
  let tokenizer: TokenizerChoice
  /// The tokens of a sequence of the run.
  let sequenceLength: Int
  /// Whose sizes and tokens it has; nil for a new one.
  private let trained: (any PretrainedModel)?
  /// What makes the tokens that it has learned; nil if it comes without.
  private let own: (any Tokenizer)?
  private let sizes: any LanguageModelConfiguration
  private let options: Train

  /// Sequences are not longer than this unless one asks for it.
  private static let longestSequence = 1024

  /// Finds the model.
  ///
  /// A run that goes on needs nothing of what it began with.
  ///
  /// - Throws: ``StorageError`` if there is no such trained model, ``TrainingError`` for sizes that cannot be.
  init(_ options: Train, goingOnFrom checkpoint: Checkpoint?) throws {
    let goesOn: (any PretrainedModel)? = checkpoint
    let trained = try options.from.map { try goesOn ?? $0.pretrained() }
    pretrained = goesOn == nil ? trained : nil
    var sizes = try trained?.languageModel() ?? Self.new(options)
    try Self.setDropout(options.dropout, of: &sizes)
    sizes.window = options.window ?? sizes.window
    try sizes.check()
    (self.trained, self.sizes, self.options) = (trained, sizes, options)
    sequenceLength = options.context ?? min(sizes.context, Self.longestSequence)
    let json = try trained?.tokenizer()
    if let wanted = options.tokenizer {
      own = json.flatMap { try? StoredTokenizer.tokenizer(json: $0) }
      tokenizer = wanted
    } else {
      own = try json.map { try StoredTokenizer.tokenizer(json: $0) }
      tokenizer = try Self.choice(own, of: trained)
    }
  }

  private static func choice(
    _ own: (any Tokenizer)?, of trained: (any PretrainedModel)?
  ) throws -> TokenizerChoice {
    guard let trained else { return .characters }
    guard let own else {
      throw StorageError(
        "there is no tokenizer.json, which says what the model's tokens mean", at: trained.path,
        fix: "give it by --tokenizer FILE.json; a run of one's own has it: --from RUN")
    }
    // As checkpoints hold it, so that a run which goes on finds the tokens that were made.
    return .json(try own.json)
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
    if let trained {
      try check(tokenizer, trained)
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

  private func check(_ tokenizer: any Tokenizer, _ trained: any PretrainedModel) throws {
    let fix =
      own == nil
      ? "give the tokenizer of the model: --tokenizer FILE.json"
      : "leave --tokenizer out: the model has its own"
    guard tokenizer.vocabularySize <= sizes.vocabulary else {
      throw TrainingError(
        what:
          "the tokenizer has \(tokenizer.vocabularySize) tokens, the model \(sizes.vocabulary)",
        place: trained.path, fix: fix)
    }
    guard try own.map({ try $0.json == tokenizer.json }) ?? true else {
      throw TrainingError(
        what:
          "the tokens of --tokenizer \(self.tokenizer) are not those that the model has learned",
        place: trained.path, fix: fix)
    }
    guard sequenceLength <= sizes.context else {
      throw TrainingError(
        what: "the model sees \(sizes.context) tokens at once, not \(sequenceLength)",
        place: trained.path, fix: "use --context \(sizes.context)")
    }
  }

  private var adaptation: LowRankAdaptation? {
    options.lora.map {
      LowRankAdaptation(rank: $0, alpha: options.loraAlpha, weights: options.loraWeights?.all)
    }
  }

  /// Looks whether the options for a trained model go together.
  ///
  /// - Throws: ``UsageError`` if sizes are given that the model has already, or there is nothing to adapt.
  static func check(_ options: Train, _ given: GivenArguments<Train>, goesOn: Bool) throws {
    guard options.from != nil else {
      guard options.lora == nil || goesOn else {
        throw UsageError(
          "--lora needs a model that was trained before", fix: "add --from PATH")
      }
      return
    }
    for name in ["model", "layers", "width", "heads"] where given.has(name) {
      throw UsageError(
        "--\(name) does not go with --from", fix: "leave it out: the model has its own")
    }
    if given.has("from"), given.has("resume") {
      throw UsageError(
        "--from does not go with --resume",
        fix: "leave one out: --resume goes on with a run, --from begins one with its weights")
    }
  }
}
