import DeepEPElements

/// Texts as tokens, with the tokenizer that made them, in a file that is mapped into memory.
///
/// It is a safetensors file: the tensor `tokens/N` has text N, in numbers as small as the vocabulary allows; the
/// metadata has the format's version, the tokenizer, what the tokens were made from, and a checksum of all of these.
/// Everything is checked when it is opened.
public struct TokenFile: Sendable {
  /// Where it lies.
  public let path: String
  /// What made the tokens.
  public let tokenizer: any Tokenizer
  /// The tokens of each text.
  public let texts: [TokenSequence]
  /// What the tokens were made from: texts and tokenizer, as a digest.
  let source: String

  /// The newest version of the format that this code reads, and the one that it writes.
  public static let formatVersion = 1

  private enum Key: String {
    case version = "deepep.tokens"
    case tokenizer = "deepep.tokenizer"
    case source = "deepep.source"
    case checksum = "deepep.xxh64"
  }

  /// Opens a file.
  ///
  /// - Throws: ``StorageError`` if it cannot be read, is damaged, or of a newer version.
  public init(_ path: String) throws {
    let file = try SafetensorsFile(path)
    try Self.checkVersion(file)
    func text(_ key: Key) throws -> String {
      guard let text = file.metadata[key.rawValue] else {
        throw Self.damaged(path, "the metadata '\(key.rawValue)' is missing")
      }
      return text
    }
    let (json, source) = (try text(.tokenizer), try text(.source))
    let tensors = try file.tensors.indices.map { try file.tensor(named: Self.name($0)) }
    guard try text(.checksum) == Self.checksum(tensors, json, source) else {
      throw Self.damaged(path, "the content is not that of its checksum")
    }
    tokenizer = try StoredTokenizer.tokenizer(json: json)
    let element = TokenSequence.element(forVocabulary: tokenizer.vocabularySize)
    guard tensors.allSatisfy({ $0.element == element && $0.shape.count == 1 }) else {
      throw Self.damaged(path, "the tokens are not lists of \(element.rawValue)")
    }
    (self.path, self.source, texts) = (path, source, tensors.map { TokenSequence($0) })
  }

  /// Writes a file, whole or not at all.
  package static func write(
    _ texts: [[Int32]], by tokenizer: any Tokenizer, source: String, to path: String
  ) throws {
    let element = TokenSequence.element(forVocabulary: tokenizer.vocabularySize)
    let contents = texts.map { TokenSequence.bytes($0, element) }
    let json = try tokenizer.json
    let sums = contents.map { bytes in bytes.withUnsafeBytes { XXH64($0) } }
    let metadata: [Key: String] = [
      .version: String(formatVersion), .tokenizer: json, .source: source,
      .checksum: checksum(sums, json, source),
    ]
    let tensors = contents.indices.map { index in
      TensorToWrite(name(index), element, [texts[index].count], bytes: contents[index])
    }
    try SafetensorsWriter.write(
      tensors,
      metadata: Dictionary(
        uniqueKeysWithValues: metadata.map { ($0.key.rawValue, $0.value) }), to: path)
  }

  private static func name(_ index: Int) -> String { "tokens/\(index)" }

  private static func checksum(
    _ tensors: [StoredTensor], _ tokenizer: String, _ source: String
  ) -> String {
    checksum(tensors.map { $0.withBytes { XXH64($0) } }, tokenizer, source)
  }

  private static func checksum(_ sums: [XXH64], _ tokenizer: String, _ source: String) -> String {
    let parts = sums + [XXH64(tokenizer), XXH64(source)]
    return XXH64(parts.map(\.hexadecimal).joined()).hexadecimal
  }

  private static func checkVersion(_ file: SafetensorsFile) throws {
    let place = "\(file.path), metadata '\(Key.version.rawValue)'"
    let text = file.metadata[Key.version.rawValue]
    guard let version = text.flatMap({ Int($0) }), version >= 1 else {
      throw StorageError(
        "not a file of tokens: its version is \(text.map(\.shown) ?? "missing")", at: place,
        fix: "name a file that DeepEP wrote")
    }
    guard version <= formatVersion else {
      throw StorageError(
        "tokens of format version \(version), known are 1 to \(formatVersion)", at: place,
        fix: "use the version of DeepEP that wrote it, or a newer one")
    }
  }

  private static func damaged(_ path: String, _ what: String) -> StorageError {
    StorageError(what, at: path, fix: "the file is damaged: remove it, it is made again")
  }
}
