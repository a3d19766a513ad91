/// Tells texts apart by the bytes of their files, which is much faster than to read them as text.
struct TextDigest {
  private let sums: [String]

  /// Sums up files and folders; nil if they are small, or one of them is no regular file.
  ///
  /// - Throws: ``StorageError`` for a file that cannot be read.
  init?(_ paths: [String]) throws {
    let files = try paths.map { try Documents.files(at: $0) }
    guard let byteCount = Documents.byteCount(of: Array(files.joined())),
      byteCount >= TokenCache.smallestTextByteCount
    else { return nil }
    sums = try files.map { files in
      try files.map { path in
        let kind = Documents.areLines(path) ? "lines" : "text"
        return try MappedFile(path).withBytes { "\(kind) \($0.count) \(XXH64($0).hexadecimal)" }
      }.joined(separator: ",")
    }
  }

  /// A name for what a tokenizer makes of the texts.
  func source(with choice: TokenizerChoice) -> String {
    let text = "\(TokenFile.formatVersion);\(choice);" + sums.joined(separator: ";")
    return XXH64(text).hexadecimal + XXH64("\(text);").hexadecimal
  }
}
