import FoundationEssentials

/// The JSON form: `tokenizer.json` of Hugging Face's `tokenizers`, version 1.0, of a byte-level BPE.
extension BytePairTokenizer {
  /// Reads a `tokenizer.json`.
  ///
  /// - Throws: ``StorageError`` if it is no such JSON, or of a tokenizer that is no byte-level BPE with GPT-2's words.
  public init(json: String) throws {
    let form = try StoredTokenizer.form(TokenizerForm.self, json: json)
    try form.checkIsKnown()
    try self.init(form)
  }

  /// The JSON form as a string, always the same for the same tokenizer.
  public var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(TokenizerForm(self)), as: UTF8.self)
    }
  }

  private init(_ form: TokenizerForm) throws {
    let special = try form.specialTokens()
    let tokens = try form.tokens()
    var numbers: [String: Int32] = [:]
    for (text, token) in form.model.vocab { numbers[text] = Int32(token) }
    let merges = try form.model.merges.enumerated().map { index, merge in
      let parts = [merge.first, merge.second, merge.first + merge.second].map { numbers[$0] }
      guard let first = parts[0], let second = parts[1], let result = parts[2] else {
        throw StorageError(
          "'\(merge.first)', '\(merge.second)' or both together are no tokens",
          at: "tokenizer, merge \(index)", fix: "the file is damaged: copy it again")
      }
      return Merge(first: first, second: second, result: result)
    }
    try self.init(tokens: tokens, merges: merges, specialTokens: special)
  }
}

/// The parts of `tokenizer.json` that matter here.
private struct TokenizerForm: Codable {
  struct Model: Codable {
    var type: String
    var vocab: [String: Int]
    var merges: [MergeForm]
  }

  struct Part: Codable {
    var type: String
    var add_prefix_space: Bool?
    var trim_offsets: Bool?
    var use_regex: Bool?
  }

  struct AddedToken: Codable {
    var id: Int
    var content: String
    var single_word = false
    var lstrip = false
    var rstrip = false
    var normalized = false
    var special = true
  }

  var version: String? = "1.0"
  var added_tokens: [AddedToken]?
  var normalizer: Part?
  var pre_tokenizer: Part?
  var decoder: Part?
  var model: Model

  init(_ tokenizer: BytePairTokenizer) {
    let alphabet = ByteAlphabet()
    let special = Set(tokenizer.specialTokens.values)
    let texts = tokenizer.tokens.map { alphabet.text(of: $0) }
    let part = Part(
      type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true)
    pre_tokenizer = part
    decoder = part
    var vocabulary: [String: Int] = [:]
    for (token, text) in texts.enumerated() where !special.contains(Int32(token)) {
      vocabulary[text] = token
    }
    added_tokens = tokenizer.specialTokens.map { AddedToken(id: Int($1), content: $0) }
      .sorted { $0.id < $1.id }
    model = Model(
      type: "BPE", vocab: vocabulary,
      merges: tokenizer.merges.map {
        MergeForm(first: texts[Int($0.first)], second: texts[Int($0.second)])
      })
  }

  /// Throws for a tokenizer that would make other tokens than this code.
  func checkIsKnown() throws {
    let parts = [
      ("model", model.type, "BPE"), ("pre_tokenizer", pre_tokenizer?.type, "ByteLevel"),
    ]
    for (place, type, known) in parts where type != known {
      throw StorageError(
        "a \(place) of the type '\(type ?? "null")', known is '\(known)'",
        at: "tokenizer, \(place)",
        fix: "use a byte-level BPE with GPT-2's words, such as that of GPT-2 itself")
    }
    if let normalizer {
      throw StorageError(
        "a normalizer of the type '\(normalizer.type)', known is none", at: "tokenizer, normalizer",
        fix: "use a tokenizer that leaves texts as they are")
    }
    guard pre_tokenizer?.use_regex != false, pre_tokenizer?.add_prefix_space != true else {
      throw StorageError(
        "words are cut in another way than GPT-2's", at: "tokenizer, pre_tokenizer",
        fix: "use a tokenizer with use_regex and without add_prefix_space")
    }
  }

  func specialTokens() throws -> [String: Int32] {
    var tokens: [String: Int32] = [:]
    for token in added_tokens ?? [] {
      guard let number = Int32(exactly: token.id), number >= 0 else { throw noSuchNumber(token.id) }
      tokens[token.content] = number
    }
    return tokens
  }

  /// The bytes of all tokens, whose numbers are 0, 1, 2 and so on.
  func tokens() throws -> [[UInt8]] {
    let alphabet = ByteAlphabet()
    let special = added_tokens ?? []
    let names = Set(special.map(\.content))
    let ordinary = model.vocab.filter { !names.contains($0.key) }
    let count = ordinary.count + special.count
    var tokens = [[UInt8]?](repeating: nil, count: count)
    for (text, token) in ordinary {
      guard let bytes = alphabet.bytes(of: text) else {
        throw StorageError(
          "the token \(text.debugDescription) is not written in the byte-level alphabet",
          at: "tokenizer, vocabulary", fix: "use a byte-level tokenizer")
      }
      guard tokens.indices.contains(token), tokens[token] == nil else { throw noSuchNumber(token) }
      tokens[token] = bytes
    }
    for added in special {
      guard tokens.indices.contains(added.id), tokens[added.id] == nil else {
        throw noSuchNumber(added.id)
      }
      tokens[added.id] = Array(added.content.utf8)
    }
    return tokens.map { $0 ?? [] }
  }

  private func noSuchNumber(_ token: Int) -> StorageError {
    StorageError(
      "the token \(token) is there twice, or numbers below it are missing",
      at: "tokenizer, vocabulary", fix: "the file is damaged or was changed by hand: copy it again")
  }
}

/// Two tokens of a merge: `["a", "b"]`, or `"a b"` as older versions have it.
private struct MergeForm: Codable {
  var first: String
  var second: String

  init(first: String, second: String) { (self.first, self.second) = (first, second) }

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    let parts: [String]
    if let pair = try? value.decode([String].self) {
      parts = pair
    } else {
      parts = try value.decode(String.self).split(separator: " ").map(String.init)
    }
    guard parts.count == 2 else {
      throw StorageError(
        "a merge of \(parts.count) tokens", at: "tokenizer, merges",
        fix: "the file is damaged: copy it again")
    }
    (first, second) = (parts[0], parts[1])
  }

  func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    try value.encode([first, second])
  }
}
