import DeepEPModels
import DeepEPStorage
import DeepEPTraining

/// The model of a run that goes on: its sizes and its tokens stay as they are.
struct ResumedModel {
  private let checkpoint: Checkpoint

  /// - Parameter checkpoint: What the run goes on from.
  init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  /// Looks whether options ask for another model.
  ///
  /// - Parameters:
  ///   - model: What follows from the options.
  ///   - options: The options, those of the run included.
  /// - Throws: ``UsageError`` that names the option.
  func check(_ model: ModelDescription, _ options: Train) throws {
    // A checkpoint that a program has written need not say what it is of; its tensors are compared in any case.
    guard let own = try? ModelDescription(checkpoint) else { return }
    try check(model.sizes, own.sizes, options)
    let ranks = [model, own].map { $0.adaptation?.rank ?? 0 }
    try Self.check("lora", ranks[0], ranks[1], "a rank of")
  }

  private func check(
    _ sizes: any LanguageModelConfiguration, _ own: any LanguageModelConfiguration,
    _ options: Train
  ) throws {
    let families = [sizes, own].map { type(of: $0).family }
    try Self.check("model", families[0], families[1], "the family")
    // The positions of a Llama are no weights.
    let isContextFixed = own is GPT2Configuration && options.from == nil
    let compared: [(option: String?, wanted: Int, own: Int, name: String)] = [
      (options.layers.map { _ in "layers" }, sizes.layers, own.layers, "layers:"),
      (options.width.map { _ in "width" }, sizes.width, own.width, "a width of"),
      (options.heads.map { _ in "heads" }, sizes.heads, own.heads, "heads:"),
      (
        options.context.map { _ in "context" }, isContextFixed ? sizes.context : own.context,
        own.context, "a context of"
      ),
    ]
    for size in compared {
      try Self.check(size.option ?? "model", size.wanted, size.own, size.name)
    }
  }

  private static func check<Value: Equatable>(
    _ option: String, _ wanted: Value, _ own: Value, _ name: String
  ) throws {
    guard wanted != own else { return }
    throw UsageError(
      "--\(option) does not go with --resume: the model has \(name) \(own), not \(wanted)",
      fix: "leave it out, or begin another run without --resume")
  }

  /// Looks whether options ask for other tokens than those of the run.
  ///
  /// - Parameters:
  ///   - options: The options, those of the run included.
  ///   - stored: Those of the run alone.
  /// - Throws: ``UsageError`` if they do.
  static func checkTokenizer(_ options: Train, stored: Train) throws {
    guard let wanted = options.tokenizer, wanted != stored.tokenizer else { return }
    let own = stored.tokenizer ?? (stored.from == nil ? .characters : nil)
    // What is in files is compared when they are read.
    if wanted == own { return }
    if case .file = wanted, case .file? = own { return }
    throw otherTokens(wanted, own?.description ?? "that of the model it began with")
  }

  /// The error that a run has other tokens.
  static func otherTokens(_ wanted: TokenizerChoice, _ own: String) -> UsageError {
    UsageError(
      "--tokenizer does not go with --resume: the tokenizer of the run is \(own), not \(wanted)",
      fix:
        "leave it out: the model has learned no other tokens; a run without --resume may have others"
    )
  }
}
