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
    case .file: try tokenizer(for: texts, read: read())
    case .json(let json): try StoredTokenizer.tokenizer(json: json)
    }
  }

  /// The choice without a file that could change.
  func read() throws -> TokenizerChoice {
    guard case .file(let path) = self else { return self }
    return .json(try TextFile(path, kind: "tokenizer").text)
  }

  /// The tokenizer for texts, of what was read; errors name the file.
  func tokenizer(for texts: [Documents], read: TokenizerChoice) throws -> any Tokenizer {
    do {
      return try read.tokenizer(for: texts)
    } catch let error as StorageError {
      guard case .file(let path) = self else { throw error }
      throw error.within(path)
    }
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
