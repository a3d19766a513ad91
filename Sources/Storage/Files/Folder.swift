import Glibc

/// What lies in folders, and how they are made.
package enum Folder {
  /// The names of what is in a folder; none if it cannot be read.
  static func names(in path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        })
    }
    return names.filter { $0 != "." && $0 != ".." }
  }

  /// Whether a path leads to a folder.
  package static func exists(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.isFolder
  }

  /// Makes a folder and those above it, as far as they are missing.
  ///
  /// - Parameter choice: how a person chooses another one.
  /// - Throws: ``StorageError`` if nothing could be written there.
  package static func make(_ path: String, choice: String = "with --out") throws {
    if !exists(path) {
      let parent = parent(of: path)
      if parent != path { try make(parent, choice: choice) }
      _ = try makeNew(path, choice: choice)
    }
    guard exists(path) else { throw error("this is a file", at: path, choice) }
    guard access(path, W_OK) == 0 else { throw error(SystemError().reason, at: path, choice) }
  }

  /// Makes a folder; false if there is something of that name.
  static func makeNew(_ path: String, choice: String = "with --out") throws -> Bool {
    if mkdir(path, 0o777) == 0 { return true }
    guard errno == EEXIST else { throw error(SystemError().reason, at: path, choice) }
    return false
  }

  private static func error(_ reason: String, at path: String, _ choice: String) -> StorageError {
    StorageError(
      "no file can be made in this folder: \(reason)", at: path,
      fix: "choose another folder \(choice), or make this one writable")
  }

  /// The last name of a path.
  static func lastName(of path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? ""
  }

  /// The folder in which a path is.
  static func parent(of path: String) -> String {
    let names = path.split(separator: "/").dropLast().joined(separator: "/")
    return path.hasPrefix("/") ? "/\(names)" : names.isEmpty ? "." : names
  }
}
