import FoundationEssentials

/// The JSON form: `{"type": "characters", "version": 1, "vocabulary": "…"}`.
extension CharacterTokenizer: Codable {
  private enum Key: String, CodingKey { case type, version, vocabulary }

  private static let typeName = "characters"
  /// The newest version of the JSON form that this code reads, and the one that it writes.
  public static let formatVersion = 1

  /// Reads the JSON form; a newer version than ``formatVersion`` is an error.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    let type = try values.decode(String.self, forKey: .type)
    let version = try values.decode(Int.self, forKey: .version)
    try CharacterTokenizer.check(type: type, version: version)
    let text = try values.decode(String.self, forKey: .vocabulary)
    let vocabulary = Array(text.unicodeScalars)
    guard zip(vocabulary, vocabulary.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw StorageError(
        "the vocabulary is not sorted or has repetitions", at: "tokenizer, vocabulary",
        fix: "the file was changed by hand: restore it")
    }
    self.init(sorted: vocabulary)
  }

  /// Writes the JSON form.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(CharacterTokenizer.typeName, forKey: .type)
    try values.encode(CharacterTokenizer.formatVersion, forKey: .version)
    var text = String.UnicodeScalarView()
    text.append(contentsOf: vocabulary)
    try values.encode(String(text), forKey: .vocabulary)
  }

  /// Reads the JSON form from a string, as checkpoints hold it.
  ///
  /// Throws ``StorageError`` if it is of a newer version or not such JSON.
  public init(json: String) throws {
    self = try StoredTokenizer.form(CharacterTokenizer.self, json: json)
  }

  /// The JSON form as a string, always the same for the same vocabulary.
  public var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  private static func check(type: String, version: Int) throws {
    guard type == typeName else {
      throw StorageError(
        "a tokenizer of the type \(type.shown), known is '\(typeName)'", at: "tokenizer, type",
        fix: "use the version of DeepEP that wrote it, or a newer one")
    }
    guard (1...formatVersion).contains(version) else {
      throw StorageError(
        "a tokenizer of format version \(version), known are 1 to \(formatVersion)",
        at: "tokenizer, version", fix: "use the version of DeepEP that wrote it, or a newer one")
    }
  }
}
