/// Byte pair encoding of the bytes of a text (Sennrich and others: Neural Machine Translation of Rare Words with
/// Subword Units, 2016; on bytes: Radford and others: Language Models are Unsupervised Multitask Learners, 2019).
///
/// Any text can be encoded: at worst, each byte is a token. Text is cut into words first, and pairs of tokens are merged
/// within a word in the order of ``merges``.
public struct BytePairTokenizer: Tokenizer, Equatable {
  /// Two tokens that become one.
  public struct Merge: Hashable, Sendable {
    /// The token before the other.
    public var first: Int32
    /// The token after it.
    public var second: Int32
    /// What they become.
    public var result: Int32

    /// Both tokens as one number, in their order.
    var pair: UInt64 { BytePairTokenizer.pair(first, second) }
  }

  /// The bytes of each token.
  public let tokens: [[UInt8]]
  /// What is merged, the first before the second.
  public let merges: [Merge]
  /// Tokens that no text is encoded to, such as `<|endoftext|>`, by what they are called.
  public let specialTokens: [String: Int32]
  private let tokenOfByte: [Int32]
  private let rankOfPair: [UInt64: Int32]

  /// Takes tokens and merges that fit each other.
  ///
  /// - Throws: ``StorageError`` if a byte has no token, or a merge is not that of its tokens' bytes.
  public init(
    tokens: [[UInt8]], merges: [Merge], specialTokens: [String: Int32] = [:]
  ) throws {
    self.tokens = tokens
    self.merges = merges
    self.specialTokens = specialTokens
    tokenOfByte = try BytePairTokenizer.tokensOfBytes(tokens, besides: specialTokens)
    try BytePairTokenizer.check(merges, tokens)
    rankOfPair = Dictionary(
      merges.enumerated().map { ($1.pair, Int32($0)) }, uniquingKeysWith: { first, _ in first })
  }

  /// Two tokenizers with the same tokens and merges.
  public static func == (one: BytePairTokenizer, other: BytePairTokenizer) -> Bool {
    one.tokens == other.tokens && one.merges == other.merges
      && one.specialTokens == other.specialTokens
  }

  /// The number of tokens.
  public var vocabularySize: Int { tokens.count }

  /// GPT-2's name of the token between two documents.
  public static let endOfTextName = "<|endoftext|>"

  /// The token of that name, if there is one.
  public var endOfText: Int32? { specialTokens[BytePairTokenizer.endOfTextName] }

  /// The tokens of `utf8`, which must be UTF-8.
  public func encode(_ utf8: [UInt8]) -> [Int32] {
    var known: [ArraySlice<UInt8>: [Int32]] = [:]
    return encode(utf8, &known)
  }

  /// The tokens of several texts, each apart; what is known of the words of one serves the others.
  public func encode(_ texts: [[UInt8]]) -> [[Int32]] {
    var known: [ArraySlice<UInt8>: [Int32]] = [:]
    return texts.map { encode($0, &known) }
  }

  private func encode(
    _ utf8: [UInt8], _ known: inout [ArraySlice<UInt8>: [Int32]]
  ) -> [Int32] {
    var scanner = WordScanner(utf8)
    var result: [Int32] = []
    while let word = scanner.next() {
      if let tokens = known[word] {
        result += tokens
        continue
      }
      var merging = WordMerging(word.map { tokenOfByte[Int($0)] })
      let tokens = merging.merged(by: merges, rankOfPair)
      if word.count < 64 { known[word] = tokens }
      result += tokens
    }
    return result
  }

  /// The bytes of tokens; those of a character may be spread over several.
  ///
  /// - Throws: ``StorageError`` with the first token that does not exist and its position.
  public func bytes(of tokens: [Int32]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    for (position, token) in tokens.enumerated() {
      guard let index = Int(exactly: token), self.tokens.indices.contains(index) else {
        throw StorageError.noToken(token, position: position, vocabularySize: vocabularySize)
      }
      bytes += self.tokens[index]
    }
    return bytes
  }

  static func pair(_ first: Int32, _ second: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: first)) << 32 | UInt64(UInt32(bitPattern: second))
  }

  private static func tokensOfBytes(
    _ tokens: [[UInt8]], besides special: [String: Int32]
  ) throws -> [Int32] {
    var tokenOfByte = [Int32](repeating: -1, count: 256)
    let special = Set(special.values)
    for (token, bytes) in tokens.enumerated() where bytes.count == 1 {
      guard !special.contains(Int32(token)) else { continue }
      tokenOfByte[Int(bytes[0])] = Int32(token)
    }
    guard let missing = tokenOfByte.firstIndex(of: -1) else { return tokenOfByte }
    throw StorageError(
      "no token is the byte 0x\(String(missing, radix: 16)) alone", at: "tokenizer, vocabulary",
      fix: "use a byte-level tokenizer, whose vocabulary has all 256 bytes")
  }

  private static func check(_ merges: [Merge], _ tokens: [[UInt8]]) throws {
    let known = 0..<Int32(clamping: tokens.count)
    for (index, merge) in merges.enumerated() {
      let isWhole =
        [merge.first, merge.second, merge.result].allSatisfy(known.contains)
        && tokens[Int(merge.first)] + tokens[Int(merge.second)] == tokens[Int(merge.result)]
      guard isWhole else {
        throw StorageError(
          "merge \(index) of tokens \(merge.first) and \(merge.second) is not token \(merge.result)",
          at: "tokenizer, merges", fix: "the file is damaged or was changed by hand: copy it again")
      }
    }
  }
}
