import DeepEPStorage
import DeepEPTraining

extension TokenizerChoice {
  /// What the tokens of the tokenizer are called that it has led to.
  func unit(of tokenizer: any Tokenizer) -> String {
    if tokenizer is CharacterTokenizer { return "characters" }
    return self == .bytes ? "bytes" : "tokens"
  }

  /// What is said of its vocabulary, of which there are `count` tokens.
  func vocabulary(_ count: Int) -> String {
    switch self {
    case .characters, .bytes, .json: "\(Quantity.count(count)) different"
    case .bytePairs: "bpe \(count)"
    case .file(let path): "\(path), \(Quantity.count(count)) different"
    }
  }

  /// Whether it may have led to a tokenizer from another text.
  func suits(_ tokenizer: any Tokenizer) -> Bool {
    switch self {
    case .characters: tokenizer is CharacterTokenizer
    case .bytePairs: tokenizer is BytePairTokenizer
    case .bytes, .file, .json: false
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
      expecting: "characters, bytes, bpe, bpe:SIZE (257 to \(1 << 24)) or a FILE.json",
      placeholder: "TOKENIZER", choices: ["characters", "bytes", "bpe", "bpe:2048"]
    ) { TokenizerChoice($0) }
  }
}

extension ValueParser where Value == TokenCache {
  /// Where tokens are kept.
  static var tokenCache: Self { folder(.standard, off: .off) { .folder($0) } }
}
