/// Turns text into tokens and back.
public protocol Tokenizer: Sendable {
  /// The number of different tokens; tokens are 0 ..< this.
  var vocabularySize: Int { get }

  /// The tokens of `utf8`, which must be UTF-8; throws ``StorageError`` for what it does not know.
  func encode(_ utf8: [UInt8]) throws -> [Int32]

  /// The text of `tokens`; throws ``StorageError`` for a token that does not exist.
  func decode(_ tokens: [Int32]) throws -> String
}

extension Tokenizer {
  /// The tokens of `text`; throws ``StorageError`` for what the tokenizer does not know.
  public func encode(_ text: String) throws -> [Int32] { try encode(Array(text.utf8)) }
}
