import DeepEPElements

/// Batches for training a language model on one text.
///
/// An example is a window of `sequenceLength` tokens (`ids`) with the tokens one further on
/// (`targets`). Each epoch cuts the first 95 % of the text into windows from a random offset and
/// visits each window once, in a random order; both follow from the seed and the position alone.
/// The last 5 % are held out for validation.
public struct TextLoader: BatchLoader {
  /// The number of tokens of a window.
  public let sequenceLength: Int
  /// The number of windows of a batch.
  public let batchSize: Int
  /// What made the tokens; keep it with the model.
  public let tokenizer: any Tokenizer
  private let tokens: TokenSequence
  private let windows: TextWindows
  /// What errors call the tokens.
  private let name: String

  /// Reads the text, or the folder of texts, at `path`; see ``Documents``.
  ///
  /// Its characters are the vocabulary, unless `tokenizer` is that of an earlier run. Throws
  /// ``StorageError`` if the file cannot be read, is not UTF-8, has a character that `tokenizer`
  /// does not know or is too short for one batch.
  public init(
    _ path: String, sequenceLength: Int, batchSize: Int, seed: UInt64 = 0,
    tokenizer: (any Tokenizer)? = nil
  ) throws {
    let documents = try Documents(path)
    try self.init(
      documents, sequenceLength: sequenceLength, batchSize: batchSize, seed: seed,
      tokenizer: tokenizer ?? CharacterTokenizer(textBytes: documents.joined))
  }

  /// Takes the tokens of the text, or folder of texts, at `path` from a cache, or makes them and keeps them there.
  ///
  /// ```swift
  /// let text = try TextLoader("notes.txt", sequenceLength: 64, batchSize: 16, tokenizer: .bytePairs(2048))
  /// ```
  ///
  /// Throws ``StorageError`` as the other ones do; a cache that cannot be used is no error.
  public init(
    _ path: String, sequenceLength: Int, batchSize: Int, seed: UInt64 = 0,
    tokenizer choice: TokenizerChoice, cache: TokenCache = .standard
  ) throws {
    let made = try TokenizedTexts([path], choice, cache: cache)
    try self.init(
      made.texts[0], tokenizer: made.tokenizer, sequenceLength: sequenceLength,
      batchSize: batchSize, seed: seed, name: path)
  }

  /// Takes documents that were read.
  ///
  /// Throws ``StorageError`` if they have a character that `tokenizer` does not know or are too short for one batch.
  public init(
    _ documents: Documents, sequenceLength: Int, batchSize: Int, seed: UInt64 = 0,
    tokenizer: any Tokenizer
  ) throws {
    try self.init(
      tokens: tokenizer.tokens(of: documents), tokenizer: tokenizer,
      sequenceLength: sequenceLength, batchSize: batchSize, seed: seed, name: documents.path)
  }

  /// Takes tokens that `tokenizer` made; `name` is what errors call their source.
  ///
  /// Throws ``StorageError`` if a token is not one of `tokenizer` or they are too few for a batch.
  public init(
    tokens: [Int32], tokenizer: any Tokenizer, sequenceLength: Int, batchSize: Int,
    seed: UInt64 = 0, name: String = "tokens"
  ) throws {
    try TextLoader.check(tokens, from: 0, tokenizer.vocabularySize, name)
    try self.init(
      TokenSequence(tokens), tokenizer: tokenizer, sequenceLength: sequenceLength,
      batchSize: batchSize, seed: seed, name: name)
  }

  /// Takes tokens that `tokenizer` made, of which each is looked at when it is used.
  ///
  /// Throws ``StorageError`` if they are too few for a batch.
  public init(
    _ tokens: TokenSequence, tokenizer: any Tokenizer, sequenceLength: Int, batchSize: Int,
    seed: UInt64 = 0, name: String = "tokens"
  ) throws {
    windows = try TextWindows(
      tokenCount: tokens.count, sequenceLength: sequenceLength, batchSize: batchSize, seed: seed,
      place: name)
    (self.tokens, self.tokenizer, self.name) = (tokens, tokenizer, name)
    (self.sequenceLength, self.batchSize) = (sequenceLength, batchSize)
  }

  private static func check(
    _ tokens: [Int32], from start: Int, _ vocabularySize: Int, _ name: String
  ) throws {
    let known = 0..<Int32(clamping: vocabularySize)
    guard let index = tokens.firstIndex(where: { !known.contains($0) }) else { return }
    throw StorageError(
      "token \(tokens[index]) is not in the vocabulary of \(known.count)",
      at: "\(name), token \(start + index)", fix: "pass the tokenizer that made the tokens")
  }

  /// The number of different tokens.
  public var vocabularySize: Int { tokenizer.vocabularySize }

  /// What the order of the windows follows from; keep it with the position to continue a run.
  public var seed: UInt64 { windows.seed }

  /// The number of windows of an epoch.
  public var examplesPerEpoch: Int { windows.windowsPerEpoch }

  /// `ids` and `targets`: int32 [batchSize, sequenceLength].
  public var inputs: [TensorDescription] {
    ["ids", "targets"].map { TensorDescription($0, .int32, [batchSize, sequenceLength]) }
  }

  /// The tokens of the training part, in order.
  public var trainingTokens: Slice<TokenSequence> { tokens[..<windows.trainingTokenCount] }

  /// The tokens that are held out, in order.
  public var validationTokens: Slice<TokenSequence> { tokens[windows.trainingTokenCount...] }

  /// The `count` windows that follow the first `position` ones of the whole training.
  public func batch(atExample position: Int, count: Int) throws -> Batch {
    guard position >= 0, count > 0, position <= Int.max - count else {
      throw StorageError(
        "\(count) examples at position \(position) were asked for", at: "text loader",
        fix: "positions count from zero, and a batch has at least one example")
    }
    return try batch((position..<position + count).map(windows.trainingStart), validCount: count)
  }

  /// The fingerprint of all tokens, the length of the windows and their order.
  public func fingerprint() -> UInt64 {
    WordDigest.of([tokens.fingerprint, UInt64(sequenceLength), seed])
  }

  /// The number of batches of the held-out text; zero if not even one window of it was held out.
  public var validationBatchCount: Int {
    (windows.validationWindowCount + batchSize - 1) / batchSize
  }

  /// Batch `index` of the held-out text: consecutive windows, in order.
  ///
  /// In the last batch the windows after ``Batch/validCount`` begin again with the first of the
  /// held-out text. Fewer than `sequenceLength` tokens at the very end are in no window.
  public func validationBatch(_ index: Int) throws -> Batch {
    guard (0..<validationBatchCount).contains(index) else {
      throw StorageError(
        "validation batch \(index) was asked for, there are \(validationBatchCount)",
        at: "text loader", fix: "ask for batches from zero; hold out more with a longer text")
    }
    let first = index * batchSize
    let count = windows.validationWindowCount
    let starts = (first..<first + batchSize).map { windows.validationStart($0 % count) }
    return try batch(starts, validCount: min(batchSize, count - first))
  }

  private func batch(_ starts: [Int], validCount: Int) throws -> Batch {
    let shape = [starts.count, sequenceLength]
    var (ids, targets) = ([Int32](), [Int32]())
    ids.reserveCapacity(starts.count * sequenceLength)
    targets.reserveCapacity(starts.count * sequenceLength)
    for start in starts {
      let window = tokens.array(start..<start + sequenceLength + 1)
      try TextLoader.check(window, from: start, vocabularySize, name)
      ids += window.dropLast()
      targets += window.dropFirst()
    }
    return Batch(
      [try BatchArray("ids", shape, ids), try BatchArray("targets", shape, targets)],
      validCount: validCount)
  }
}
