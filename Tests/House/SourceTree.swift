import FoundationEssentials

/// A source file with its place in the repository.
struct SourceFile {
  /// The path from the root of the repository.
  let path: String
  let text: String

  /// The folder below `Sources/` or `Tests/`: the short name of the target.
  var target: String {
    let parts = path.split(separator: "/")
    return parts.count > 1 ? String(parts[1]) : ""
  }

  var lines: [Substring] {
    text.split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// The modules that the file imports, with line numbers from one.
  var imports: [(line: Int, module: String)] {
    let pattern =
      /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)/
    return lines.enumerated().compactMap { index, line in
      line.firstMatch(of: pattern).map { (index + 1, String($0.1)) }
    }
  }
}

/// The repository that these tests were built from.
enum SourceTree {
  private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

  /// The text of a file, by its path from the root.
  static func text(_ path: String) throws -> String {
    try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)
  }

  /// Whether there is a file or folder of a path from the root.
  static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(root)/\(path)")
  }

  /// The names of the folders in a folder; empty ones, which git does not know, do not count.
  static func folders(in path: String) throws -> Set<String> {
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(path)")
    return Set(names.filter { !$0.hasPrefix(".") && isFolder("\(root)/\(path)/\($0)") })
  }

  private static func isFolder(_ path: String) -> Bool {
    let content = try? FileManager.default.contentsOfDirectory(atPath: path)
    return content?.isEmpty == false
  }

  /// The documents in a folder itself.
  static func documents(in path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(path)")
      .filter { $0.hasSuffix(".md") }.map { "\(path)/\($0)" }
  }

  /// All Swift files below a folder, sorted by path.
  static func swiftFiles(in folder: String) throws -> [SourceFile] {
    try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(folder)")
      .filter { $0.hasSuffix(".swift") }.sorted()
      .map { SourceFile(path: "\(folder)/\($0)", text: try text("\(folder)/\($0)")) }
  }
}
