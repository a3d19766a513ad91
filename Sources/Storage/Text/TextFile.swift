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
  public init(_ path: String) throws { try self.init(path, kind: "text") }

  /// The same; the error of a file that cannot be read names the `kind` of what it should have.
  init(_ path: String, kind: String) throws {
    self.path = path
    let read = try TextFile.read(path, kind)
    try TextFile.checkUTF8(read, path: path)
    bytes = read.starts(with: TextFile.byteOrderMark) ? Array(read.dropFirst(3)) : read
    guard !bytes.isEmpty else {
      throw StorageError("the file is empty", at: path, fix: "name a file with text in it")
    }
  }

  /// What some editors put before a text, and what is no part of it.
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// The text as a string.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  private static func read(_ path: String, _ kind: String) throws -> [UInt8] {
    let file = try FileDescriptor(opening: path, flags: O_RDONLY, action: "read the \(kind)")
    let status = try file.status(action: "read the \(kind)")
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
