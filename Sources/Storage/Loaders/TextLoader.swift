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
  private let tokens: [Int32]
  private let windows: TextWindows

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

  /// Takes documents that were read.
  ///
  /// Throws ``StorageError`` if they have a character that `tokenizer` does not know or are too short for one batch.
  public init(
    _ documents: Documents, sequenceLength: Int, batchSize: Int, seed: UInt64 = 0,
    tokenizer: any Tokenizer
  ) throws {
    try self.init(
      tokens: TextLoader.encode(documents, with: tokenizer), tokenizer: tokenizer,
      sequenceLength: sequenceLength, batchSize: batchSize, seed: seed, name: documents.path)
  }

  /// Takes tokens that `tokenizer` made; `name` is what errors call their source.
  ///
  /// Throws ``StorageError`` if a token is not one of `tokenizer` or they are too few for a batch.
  public init(
    tokens: [Int32], tokenizer: any Tokenizer, sequenceLength: Int, batchSize: Int,
    seed: UInt64 = 0, name: String = "tokens"
  ) throws {
    windows = try TextWindows(
      tokenCount: tokens.count, sequenceLength: sequenceLength, batchSize: batchSize, seed: seed,
      place: name)
    let known = 0..<Int32(clamping: tokenizer.vocabularySize)
    if let position = tokens.firstIndex(where: { !known.contains($0) }) {
      throw StorageError(
        "token \(tokens[position]) is not in the vocabulary of \(known.count)",
        at: "\(name), token \(position)", fix: "pass the tokenizer that made the tokens")
    }
    (self.tokens, self.tokenizer) = (tokens, tokenizer)
    (self.sequenceLength, self.batchSize) = (sequenceLength, batchSize)
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
  public var trainingTokens: ArraySlice<Int32> { tokens[..<windows.trainingTokenCount] }

  /// The tokens that are held out, in order.
  public var validationTokens: ArraySlice<Int32> { tokens[windows.trainingTokenCount...] }

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
    WordDigest.of([WordDigest.of(tokens), UInt64(sequenceLength), seed])
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
    let ids = starts.flatMap { tokens[$0..<$0 + sequenceLength] }
    let targets = starts.flatMap { tokens[$0 + 1..<$0 + 1 + sequenceLength] }
    return Batch(
      [try BatchArray("ids", shape, ids), try BatchArray("targets", shape, targets)],
      validCount: validCount)
  }

  private static func encode(
    _ documents: Documents, with tokenizer: any Tokenizer
  ) throws -> [Int32] {
    do {
      return try tokenizer.encode(documents)
    } catch let error as StorageError {
      throw StorageError(error.what, at: "\(documents.path), \(error.place)", fix: error.fix)
    }
  }
}
