import DeepEPStorage

/// What `--tokenizer` asks for.
enum TokenizerChoice: Hashable {
  /// Each character of the text is a token.
  case characters
  /// Each byte is a token.
  case bytes
  /// Byte pairs of the text, up to a number of tokens.
  case bytePairs(Int)
  /// A `tokenizer.json`.
  case file(String)

  /// The tokenizer for documents.
  func tokenizer(for documents: Documents) throws -> any Tokenizer {
    switch self {
    case .characters: CharacterTokenizer(textBytes: documents.joined)
    case .bytes: try BytePairTokenizer(trainingOn: [], vocabularySize: 257)
    case .bytePairs(let count):
      try BytePairTokenizer(trainingOn: documents.texts, vocabularySize: count)
    case .file(let path): try StoredTokenizer.tokenizer(json: TextFile(path).text)
    }
  }

  /// What its tokens are called.
  var unit: String {
    switch self {
    case .characters: "characters"
    case .bytes: "bytes"
    case .bytePairs, .file: "tokens"
    }
  }
}

extension TokenizerChoice: CustomStringConvertible {
  /// As it is typed.
  var description: String {
    switch self {
    case .characters: "characters"
    case .bytes: "bytes"
    case .bytePairs(let count): "bpe:\(count)"
    case .file(let path): path
    }
  }

  /// The choice that a word means; nil if it means none.
  init?(_ word: String) {
    let lower = word.lowercased()
    switch lower {
    case "characters": self = .characters
    case "bytes": self = .bytes
    case "bpe": self = .bytePairs(2048)
    case _ where lower.hasSuffix(".json"): self = .file(word)
    case _ where lower.hasPrefix("bpe:"):
      guard let count = Int(lower.dropFirst(4)), (257...1 << 24).contains(count) else { return nil }
      self = .bytePairs(count)
    default: return nil
    }
  }
}

extension ValueParser where Value == TokenizerChoice {
  /// How text becomes tokens.
  static var tokenizer: Self {
    Self(
      expecting: "characters, bytes, bpe, bpe:SIZE (at least 257) or a FILE.json",
      placeholder: "TOKENIZER", choices: ["characters", "bytes", "bpe", "bpe:2048"]
    ) { TokenizerChoice($0) }
  }
}
