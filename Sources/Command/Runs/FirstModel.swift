import DeepEPModels
import DeepEPStorage
import DeepEPTraining
import FoundationEssentials

/// The model that a run begins with: a new one, or a GPT-2 in Hugging Face's form.
struct FirstModel {
  /// Whose weights it has; nil for a new one.
  let folder: HuggingFaceFolder?
  private let sizes: GPT2Configuration
  private let context: Int

  /// - Throws: ``StorageError`` for a folder of another model, ``TrainingError`` for sizes that cannot be.
  init(_ options: Train) throws {
    context = options.context
    folder = try options.from.map { try HuggingFaceFolder($0) }
    var sizes =
      try folder.map { try GPT2Configuration($0) }
      ?? GPT2Configuration(
        vocabulary: 1, context: options.context, width: options.width, layers: options.layers,
        heads: options.heads)
    sizes.dropout = options.dropout
    self.sizes = try sizes.validated()
  }

  /// The sizes of the model for a number of different tokens.
  ///
  /// - Throws: ``TrainingError`` if the text does not fit the model.
  func sizes(forVocabulary count: Int) throws -> GPT2Configuration {
    guard let folder else {
      var sizes = sizes
      sizes.vocabulary = count
      return sizes
    }
    guard count <= sizes.vocabulary else {
      throw TrainingError(
        what: "the tokenizer has \(count) tokens, the model \(sizes.vocabulary)",
        place: folder.path, fix: "give the tokenizer of the model: --tokenizer FILE.json")
    }
    guard context <= sizes.context else {
      throw TrainingError(
        what: "the model sees \(sizes.context) tokens at once, not \(context)",
        place: folder.path, fix: "use --context \(sizes.context)")
    }
    return sizes
  }

  /// Options that fit a model to begin with: its tokenizer, unless another one is asked for.
  ///
  /// - Throws: ``UsageError`` if sizes are given, which the model has already.
  static func adapt(_ options: inout Train, _ given: GivenArguments<Train>) throws {
    guard let from = options.from else { return }
    for name in ["layers", "width", "heads"] where given.has(name) {
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
