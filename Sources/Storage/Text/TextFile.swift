import Glibc

/// A text file that was read whole and is known to be UTF-8.
public struct TextFile: Sendable {
  /// Where the file lies.
  public let path: String
  /// The text in UTF-8.
  public let bytes: [UInt8]

  /// Reads the file at `path`.
  ///
  /// Throws ``StorageError`` if it is missing, a folder, unreadable, empty or not UTF-8; the last
  /// names the first byte that is wrong, counted from zero.
  public init(_ path: String) throws {
    self.path = path
    bytes = try TextFile.read(path)
    guard !bytes.isEmpty else {
      throw StorageError("the file is empty", at: path, fix: "name a file with text in it")
    }
    try TextFile.checkUTF8(bytes, path: path)
  }

  /// The text as a string.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  private static func read(_ path: String) throws -> [UInt8] {
    let file = try FileDescriptor(opening: path, flags: O_RDONLY, action: "read the text")
    let status = try file.status(action: "read the text")
    guard status.isRegularFile || status.isPipe else {
      throw StorageError(
        status.isFolder ? "this is a folder" : "not a regular file", at: path,
        fix: "name a text file")
    }
    return try file.readToEnd(expectedCount: status.st_size)
  }

  static func checkUTF8(_ bytes: [UInt8], path: String) throws {
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      let offset = error.byteOffsets.lowerBound
      throw StorageError(
        "not UTF-8: the byte 0x\(String(bytes[offset], radix: 16)) at offset \(offset)", at: path,
        fix: "name a text file, or convert it: iconv -f latin1 -t utf8")
    }
  }
}
