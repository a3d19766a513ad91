import FoundationEssentials

/// Turns text into tokens and back.
public protocol Tokenizer: Sendable {
  /// The number of different tokens; tokens are 0 ..< this.
  var vocabularySize: Int { get }

  /// The tokens of `utf8`, which must be UTF-8; throws ``StorageError`` for what it does not know.
  func encode(_ utf8: [UInt8]) throws -> [Int32]

  /// The tokens of several texts, each apart; throws as for one.
  func encode(_ texts: [[UInt8]]) throws -> [[Int32]]

  /// The bytes of tokens, UTF-8 when they are whole characters.
  ///
  /// - Throws: ``StorageError`` for a token that does not exist.
  func bytes(of tokens: [Int32]) throws -> [UInt8]

  /// The token between two documents; nil if a line is.
  var endOfText: Int32? { get }

  /// The form that checkpoints hold, from which ``StoredTokenizer`` makes it again.
  var json: String { get throws }
}

extension Tokenizer {
  /// None.
  public var endOfText: Int32? { nil }

  /// One after the other.
  public func encode(_ texts: [[UInt8]]) throws -> [[Int32]] {
    try texts.map { try encode($0) }
  }

  /// The tokens of several documents, with what separates them between two.
  ///
  /// - Throws: ``StorageError`` for what the tokenizer does not know.
  public func encode(_ documents: Documents) throws -> [Int32] {
    guard let endOfText else { return try encode(documents.joined) }
    return Array(try encode(documents.texts).joined(separator: [endOfText]))
  }

  /// The tokens of `text`; throws ``StorageError`` for what the tokenizer does not know.
  public func encode(_ text: String) throws -> [Int32] { try encode(Array(text.utf8)) }

  /// The text of `tokens`; throws ``StorageError`` for a token that does not exist.
  ///
  /// Bytes that are no UTF-8, as of a character that is not whole, become U+FFFD.
  public func decode(_ tokens: [Int32]) throws -> String {
    String(decoding: try bytes(of: tokens), as: UTF8.self)
  }
}

/// A tokenizer from its JSON form, of whichever kind it is.
public enum StoredTokenizer {
  private struct Kind: Decodable { var type: String? }

  /// Reads a ``CharacterTokenizer`` or ``BytePairTokenizer``.
  ///
  /// - Throws: ``StorageError`` if the JSON is that of neither.
  public static func tokenizer(json: String) throws -> any Tokenizer {
    let kind = try? JSONDecoder().decode(Kind.self, from: Data(json.utf8))
    // The form of byte pairs has no type of its own at this level.
    if let kind, kind.type == nil { return try BytePairTokenizer(json: json) }
    return try CharacterTokenizer(json: json)
  }

  /// The parts of a tokenizer from its JSON, whatever is wrong with that.
  static func form<Form: Decodable>(_: Form.Type, json: String) throws -> Form {
    do {
      return try JSONDecoder().decode(Form.self, from: Data(json.utf8))
    } catch let error as StorageError {
      throw error
    } catch {
      throw StorageError(
        "not the JSON of a tokenizer: \(words(error))", at: "tokenizer",
        fix: "the file is damaged or of another program: name a tokenizer.json, or copy it again")
    }
  }

  /// What is wrong with JSON, for people.
  private static func words(_ error: any Error) -> String {
    let field = { (path: [any CodingKey]) in path.map(\.stringValue).joined(separator: ".").shown }
    return switch error {
    case DecodingError.keyNotFound(let key, _): "there is no field \(key.stringValue.shown)"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      context.codingPath.isEmpty
        ? "it is no object" : "the field \(field(context.codingPath)) has another form"
    default: "it cannot be read as JSON"
    }
  }
}

extension StorageError {
  /// A token that a vocabulary does not have.
  static func noToken(_ token: Int32, position: Int, vocabularySize: Int) -> StorageError {
    StorageError(
      "there is no token \(token)", at: "token \(position)",
      fix: "tokens of this vocabulary are 0 to \(vocabularySize - 1): use the tokenizer that "
        + "the model was trained with")
  }
}
