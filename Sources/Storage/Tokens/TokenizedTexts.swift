import DeepEPElements

/// Texts as tokens of one tokenizer, made once and kept for the next run.
///
/// What was kept is taken again only if the bytes of all texts, and what makes the tokenizer, are the same.
public struct TokenizedTexts: Sendable {
  /// What makes the tokens.
  public let tokenizer: any Tokenizer
  /// The tokens of each text, in the order of the paths.
  public let texts: [TokenSequence]
  /// The file that they are in; nil if they are in memory.
  public let path: String?
  /// Whether an earlier run has made them.
  public let areReused: Bool

  /// Takes the tokens of texts from a cache, or makes them and keeps them there.
  ///
  /// - Parameters:
  ///   - paths: Files or folders, each of them one text; see ``Documents``.
  ///   - choice: What makes the tokens, found from all texts together.
  ///   - cache: Where they are kept.
  ///   - notice: Told why a file in the cache is not taken.
  /// - Throws: ``StorageError`` for a text or a tokenizer that cannot be read.
  public init(
    _ paths: [String], _ choice: TokenizerChoice = .characters, cache: TokenCache = .standard,
    notice: (StorageError) -> Void = { _ in }
  ) throws {
    let read = try choice.read()
    let source = try cache == .off ? nil : TextDigest(paths).map { $0.source(with: read) }
    if let source, let file = cache.file(of: source, notice: notice) {
      (tokenizer, texts, path, areReused) = (file.tokenizer, file.texts, file.path, true)
      return
    }
    let documents = try paths.map { try Documents($0) }
    let tokenizer = try choice.tokenizer(for: documents, read: read)
    let tokens = try documents.map { try tokenizer.tokens(of: $0) }
    let file = source.flatMap { cache.keep(tokens, by: tokenizer, of: $0) }
    self.tokenizer = tokenizer
    texts = file?.texts ?? tokens.map { TokenSequence($0) }
    (path, areReused) = (file?.path, false)
  }
}

extension Tokenizer {
  /// The tokens of documents; errors say where the documents are.
  func tokens(of documents: Documents) throws -> [Int32] {
    do {
      return try encode(documents)
    } catch let error as StorageError {
      throw error.within(documents.path)
    }
  }
}
