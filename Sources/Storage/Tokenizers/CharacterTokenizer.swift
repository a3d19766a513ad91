/// A tokenizer whose tokens are the distinct characters (Unicode scalars) of a text.
///
/// Token `i` is the scalar `i` of ``vocabulary``, which is sorted by code point, so the same text
/// always yields the same tokens.
public struct CharacterTokenizer: Tokenizer, Equatable {
  /// The characters by token.
  public let vocabulary: [Unicode.Scalar]
  /// Token by ASCII code; -1 where there is none.
  private let asciiTokens: [Int32]

  /// Makes the tokenizer of the characters that appear in `utf8`, which must be UTF-8.
  public init(textBytes utf8: [UInt8]) {
    var ascii = [Bool](repeating: false, count: 128)
    var others: Set<Unicode.Scalar> = []
    CharacterTokenizer.forEachScalar(utf8, ascii: { ascii[Int($0)] = true }) { scalar, _ in
      others.insert(scalar)
    }
    let present = ascii.indices.filter { ascii[$0] }.map { Unicode.Scalar(UInt8($0)) }
    self.init(sorted: present + others.sorted())
  }

  /// Makes the tokenizer of the characters that appear in `text`.
  public init(text: String) { self.init(textBytes: Array(text.utf8)) }

  /// Takes a vocabulary that is sorted and without repetitions.
  init(sorted vocabulary: [Unicode.Scalar]) {
    self.vocabulary = vocabulary
    var tokens = [Int32](repeating: -1, count: 128)
    for (token, scalar) in vocabulary.enumerated() where scalar.isASCII {
      tokens[Int(scalar.value)] = Int32(token)
    }
    asciiTokens = tokens
  }

  /// The number of different characters.
  public var vocabularySize: Int { vocabulary.count }

  /// The tokens of `utf8`, which must be UTF-8, one a character.
  ///
  /// Throws ``StorageError`` with the first character that the vocabulary lacks and its position
  /// in characters.
  public func encode(_ utf8: [UInt8]) throws -> [Int32] {
    var tokens: [Int32] = []
    tokens.reserveCapacity(utf8.count)
    var unknown: (scalar: Unicode.Scalar, position: Int)?
    CharacterTokenizer.forEachScalar(
      utf8,
      ascii: { byte in
        let token = asciiTokens[Int(byte)]
        if token < 0, unknown == nil { unknown = (Unicode.Scalar(byte), tokens.count) }
        tokens.append(token)
      },
      other: { scalar, _ in
        let token = self.token(of: scalar)
        if token == nil, unknown == nil { unknown = (scalar, tokens.count) }
        tokens.append(token ?? -1)
      })
    if let unknown { throw unknownCharacter(unknown.scalar, unknown.position) }
    return tokens
  }

  /// The bytes of `tokens`, each a whole character.
  ///
  /// Throws ``StorageError`` with the first token that does not exist and its position.
  public func bytes(of tokens: [Int32]) throws -> [UInt8] {
    var text = String.UnicodeScalarView()
    for (position, token) in tokens.enumerated() {
      guard let index = Int(exactly: token), vocabulary.indices.contains(index) else {
        throw StorageError.noToken(token, position: position, vocabularySize: vocabularySize)
      }
      text.append(vocabulary[index])
    }
    return Array(String(text).utf8)
  }

  /// The token of a character, by binary search.
  private func token(of scalar: Unicode.Scalar) -> Int32? {
    var (low, high) = (0, vocabulary.count)
    while low < high {
      let middle = (low + high) / 2
      if vocabulary[middle] < scalar { low = middle + 1 } else { high = middle }
    }
    return low < vocabulary.count && vocabulary[low] == scalar ? Int32(low) : nil
  }

  private func unknownCharacter(_ scalar: Unicode.Scalar, _ position: Int) -> StorageError {
    let code = String(scalar.value, radix: 16, uppercase: true)
    let padded = String(repeating: "0", count: max(0, 4 - code.count)) + code
    return StorageError(
      "the vocabulary of \(vocabularySize) characters lacks \(String(scalar).debugDescription) "
        + "(U+\(padded))", at: "character \(position)",
      fix: "leave the character out, or train with a text that contains it")
  }

  /// Calls `ascii` or `other` for each character; `other` also gets the offset in bytes.
  @inline(__always)
  private static func forEachScalar(
    _ utf8: [UInt8], ascii: (UInt8) -> Void, other: (Unicode.Scalar, Int) -> Void
  ) {
    var index = 0
    while index < utf8.count {
      let byte = utf8[index]
      if byte < 0x80 {
        ascii(byte)
        index += 1
      } else {
        let length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        let end = min(index + length, utf8.count)
        let text = String(decoding: utf8[index..<end], as: UTF8.self)
        for scalar in text.unicodeScalars { other(scalar, index) }
        index = end
      }
    }
  }
}
