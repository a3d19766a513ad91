import FoundationEssentials
import Glibc

/// The documents of a text file, of a file of JSON lines, or of a folder of both.
///
/// A folder's files are read in the order of their paths, those of its folders included; empty files, names that begin with
/// a dot, links to folders and files of other kinds than `.txt`, `.text`, `.md`, `.jsonl` are left out.
public struct Documents: Sendable {
  /// Where they came from.
  public let path: String
  /// The documents in UTF-8, in order.
  public let texts: [[UInt8]]

  private static let textEndings = [".txt", ".text", ".md"]
  private static let lineEnding = ".jsonl"

  /// Reads a file or folder.
  ///
  /// Each line of a `.jsonl` file is an object whose field `text` is a document; any other file is one document.
  ///
  /// - Throws: ``StorageError`` if there is nothing to read, or a file is unreadable, empty, not UTF-8, or has a line
  ///   that is no such object.
  public init(_ path: String) throws {
    self.path = path
    texts = try Documents.files(at: path).flatMap(Documents.documents(ofFile:))
  }

  /// The files of a folder, in order, or the one of a file's path.
  static func files(at path: String) throws -> [String] {
    let files = try Folder.exists(path) ? files(in: path) : [path]
    guard !files.isEmpty else {
      throw StorageError(
        "no text in this folder", at: path,
        fix: "put files into it that end in "
          + (textEndings + [lineEnding]).joined(separator: ", "))
    }
    return files
  }

  /// The bytes of the files of a folder, or of the one of a file's path; nil if one is no regular file.
  ///
  /// - Throws: ``StorageError`` if there is nothing to read.
  public static func byteCount(at path: String) throws -> Int? {
    byteCount(of: try files(at: path))
  }

  static func byteCount(of files: [String]) -> Int? {
    files.reduce(0) { sum, file in
      var status = stat()
      guard let sum, stat(file, &status) == 0, status.isRegularFile else { return nil }
      return sum + Int(status.st_size)
    }
  }

  /// Whether each line of a file is a document.
  static func areLines(_ path: String) -> Bool { path.hasSuffix(lineEnding) }

  /// All documents as one text, a line between two of them.
  public var joined: [UInt8] { Array(texts.joined(separator: [UInt8(ascii: "\n")])) }

  private static func documents(ofFile path: String) throws -> [[UInt8]] {
    let file = try TextFile(path)
    guard areLines(path) else { return [file.bytes] }
    let lines = file.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return try lines.enumerated().compactMap { number, line in
      guard line.contains(where: { $0 > 0x20 }) else { return nil }
      return try document(Array(line), at: "\(path), line \(number + 1)")
    }
  }

  private struct Line: Decodable { var text: String }

  private static func document(_ line: [UInt8], at place: String) throws -> [UInt8] {
    do {
      return Array(try JSONDecoder().decode(Line.self, from: Data(line)).text.utf8)
    } catch {
      throw StorageError(
        "not an object of JSON with a text in its field 'text'", at: place,
        fix: "write a line as {\"text\": \"...\"}")
    }
  }

  // MARK: Folders

  private static func files(in folder: String) throws -> [String] {
    guard let opened = opendir(folder) else {
      throw SystemError().error("read the folder", at: folder)
    }
    defer { closedir(opened) }
    var names: [String] = []
    while let entry = readdir(opened) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return try names.sorted().flatMap { name -> [String] in
      let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
      var status = stat()
      guard lstat(path, &status) == 0 else { return [] }
      if status.isFolder { return try files(in: path) }
      if status.isRegularFile, status.st_size == 0 { return [] }
      return (textEndings + [lineEnding]).contains { name.hasSuffix($0) } ? [path] : []
    }
  }
}
