/// What becomes a token of a text.
public enum TokenizerChoice: Hashable, Sendable {
  /// Each character of the text.
  case characters
  /// Each byte.
  case bytes
  /// Byte pairs found in the text, up to a number of different tokens.
  case bytePairs(Int)
  /// What a `tokenizer.json` says.
  case file(String)
  /// What the JSON of a tokenizer says, as checkpoints hold it.
  case json(String)

  /// The tokenizer for texts.
  ///
  /// - Throws: ``StorageError`` for a file or a JSON of no tokenizer, and for a size that cannot be.
  public func tokenizer(for texts: [Documents]) throws -> any Tokenizer {
    switch self {
    case .characters: CharacterTokenizer(textBytes: Array(texts.map(\.joined).joined()))
    case .bytes: try BytePairTokenizer(trainingOn: [], vocabularySize: 257)
    case .bytePairs(let count):
      try BytePairTokenizer(trainingOn: texts.flatMap(\.texts), vocabularySize: count)
    case .file: try read().tokenizer(for: texts)
    case .json(let json): try StoredTokenizer.tokenizer(json: json)
    }
  }

  /// The choice without a file that could change.
  func read() throws -> TokenizerChoice {
    guard case .file(let path) = self else { return self }
    let json = try TextFile(path, kind: "tokenizer").text
    do {
      _ = try StoredTokenizer.tokenizer(json: json)
    } catch let error as StorageError {
      throw StorageError(error.what, at: "\(path), \(error.place)", fix: error.fix)
    }
    return .json(json)
  }
}

extension TokenizerChoice: CustomStringConvertible {
  /// As it is typed.
  public var description: String {
    switch self {
    case .characters: "characters"
    case .bytes: "bytes"
    case .bytePairs(let count): "bpe:\(count)"
    case .file(let path): path
    case .json(let json): json
    }
  }
}
