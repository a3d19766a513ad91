import DeepEPStorage
import DeepEPTraining

/// The texts of a run as tokens, and the batches that are made of them.
struct TrainingData {
  /// What makes the tokens.
  let tokenizer: any Tokenizer
  /// The batches: of one text, or of several in shares.
  let loader: any BatchLoader
  /// The tokens of an example.
  let sequenceLength: Int
  private let paths: [String]
  private let parts: [TextLoader]
  private let shares: [Double]
  private let tokens: TokenizedTexts
  private let choice: TokenizerChoice

  /// Reads the texts, or the tokens that an earlier run has made of them.
  ///
  /// The first rank does so before the others, so that one makes the tokens and the others of its host find them.
  ///
  /// - Parameters:
  ///   - choice: What makes the tokens.
  ///   - known: The tokenizer of the run that goes on, as JSON; its model knows no other.
  /// - Throws: ``StorageError`` for texts that cannot be read, or are too short.
  init(
    _ options: Train, _ choice: TokenizerChoice, sequenceLength: Int, known: String?,
    in job: JoinedJob
  ) throws {
    var first: TokenizedTexts?
    _ = try job.told("tokens") {
      first = try Self.tokens(options, choice, known)
      return nil
    }
    let tokens = try first ?? Self.tokens(options, choice, known)
    let parts = try zip(options.text, tokens.texts).map { path, text in
      try TextLoader(
        text, tokenizer: tokens.tokenizer, sequenceLength: sequenceLength,
        batchSize: options.batch, seed: options.seed, name: path)
    }
    self.sequenceLength = sequenceLength
    (self.tokens, self.parts, paths) = (tokens, parts, options.text)
    (tokenizer, self.choice) = (tokens.tokenizer, choice)
    guard parts.count > 1 || options.weights != nil else {
      (loader, shares) = (parts[0], [1])
      return
    }
    let mixed = try MixedLoader(parts, weights: options.weights)
    (loader, shares) = (mixed, mixed.shares)
  }

  private static func tokens(
    _ options: Train, _ choice: TokenizerChoice, _ known: String?
  ) throws -> TokenizedTexts {
    let notice = { (error: StorageError) in
      _ = try? TerminalOutput.error.write("deepep: tokens are made again: \(error)\n")
    }
    let made = try TokenizedTexts(
      options.text, choice, cache: options.tokenCache, notice: notice)
    guard let known, try made.tokenizer.json != known else { return made }
    let own = try StoredTokenizer.tokenizer(json: known)
    if let wanted = options.tokenizer, !wanted.suits(own) {
      throw ResumedModel.otherTokens(wanted, "another one, of \(own.vocabularySize) tokens")
    }
    return try TokenizedTexts(
      options.text, .json(known), cache: options.tokenCache, notice: notice)
  }

  /// What a person is told about the data, a line for each text.
  var introduction: String {
    let kept = tokens.areReused ? ", as an earlier run has made them" : ""
    let lines = parts.indices.map { index in
      let (path, count) = (paths[index], Quantity.count(tokens.texts[index].count))
      let size = (try? Documents.byteCount(at: path)).flatMap { $0 }.map(Quantity.bytes)
      let share =
        parts.count > 1 ? ", \(Quantity.fixed(shares[index] * 100, 1)) % of the examples" : ""
      return "data    \(path): " + (size.map { "\($0), " } ?? "")
        + "\(count) \(choice.unit(of: tokenizer)) "
        + "(\(choice.vocabulary(tokenizer.vocabularySize))), last 5 % held out\(share)\(kept)\n"
    }
    return lines.joined()
  }

  /// The largest text of which an n-gram model is made.
  private static let largestCounted = 50_000_000

  /// What a model of counts reaches on the held-out part of the text; nil if there are several texts, or it is large.
  func baseline() throws -> String? {
    let text = parts[0]
    guard parts.count == 1, text.trainingTokens.count <= Self.largestCounted else { return nil }
    let counts = try NGramModel(
      ArraySlice(text.trainingTokens), vocabularySize: text.vocabularySize, order: 5)
    let nats = counts.crossEntropyNats(ArraySlice(text.validationTokens))
    return
      "an order-5 n-gram has \(Quantity.fixed(nats, 4)) on the same \(choice.unit(of: tokenizer))\n"
  }
}
