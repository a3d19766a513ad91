import Glibc

/// A folder in which runs lie side by side, each in `NAME-N`.
package struct RunShelf {
  /// The folder.
  package let path: String

  /// Where runs are unless a person says otherwise.
  package static let standard = RunShelf("runs")

  /// Names a folder, which need not be there.
  package init(_ path: String) { self.path = path }

  /// Makes the folder of a new run: `NAME-N` with the number after the largest there is.
  ///
  /// Processes that do this at the same time get folders of their own.
  ///
  /// - Returns: its path.
  /// - Throws: ``StorageError`` if it cannot be made.
  package func makeRun(named name: String) throws -> String {
    try Folder.make(path)
    let taken = Folder.names(in: path).compactMap { Self.number(of: $0, named: name) }
    var number = (taken.max() ?? 0) + 1
    while try !Folder.makeNew("\(path)/\(name)-\(number)") { number += 1 }
    return "\(path)/\(name)-\(number)"
  }

  private static func number(of entry: String, named name: String) -> Int? {
    entry.hasPrefix("\(name)-") ? Int(entry.dropFirst(name.count + 1)) : nil
  }

  /// The run with the newest checkpoint; nil if no run has one.
  package var newest: RunListing? {
    let runs = Folder.names(in: path).sorted().map { RunListing(of: "\(path)/\($0)") }
    let dated = runs.compactMap { run in run.changedSeconds.map { (run, seconds: $0) } }
    return dated.max { $0.seconds < $1.seconds }?.0
  }

  /// What runs on some data are called: the name of the file without its ending, or of the folder.
  package static func name(ofData path: String) -> String {
    let last = Folder.lastName(of: path)
    let plain = Folder.exists(path) ? last : withoutEnding(last)
    let name = String(plain.drop { $0 == "." })
    return name.isEmpty ? "run" : name
  }

  private static func withoutEnding(_ name: String) -> String {
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return name }
    return String(name[..<dot])
  }
}
