import DeepEPStorage
import DeepEPTraining

/// Which checkpoint a person means.
enum CheckpointChoice: Hashable, CustomStringConvertible {
  /// That of the newest run.
  case newest
  /// A file, or the newest of a run's folder.
  case path(String)

  /// As it is typed.
  var description: String {
    switch self {
    case .newest: "newest"
    case .path(let path): path
    }
  }

  /// The file; one that is damaged is passed over for the one before, which is said on standard error.
  ///
  /// - Throws: ``StorageError`` if there is none.
  func file() throws -> String {
    switch self {
    case .newest:
      guard let run = RunShelf.standard.newest else {
        throw StorageError(
          "there is no run with a checkpoint", at: "folder \(RunShelf.standard.path)",
          fix: "train first, as by deepep train notes.txt, or name a checkpoint")
      }
      return try Self.newest(of: run)
    case .path(let path):
      return Folder.exists(path) ? try Self.newest(of: RunListing(of: path)) : path
    }
  }

  private static func newest(of run: RunListing) throws -> String {
    let newest = run.newestWhole { try? TerminalOutput.error.write("deepep: passed over: \($0)\n") }
    guard let newest else {
      throw StorageError(
        "there is no whole checkpoint", at: "folder \(run.folder)",
        fix: "name a checkpoint, or the folder of a run that has one")
    }
    return newest
  }
}

extension ValueParser where Value == CheckpointChoice {
  /// A checkpoint, the folder of a run, or `newest`.
  static var checkpoint: Self { checkpoint(expecting: "a checkpoint or the folder of a run") }

  /// The same, for an option that takes more.
  static func checkpoint(expecting expectation: String) -> Self {
    Self(expecting: expectation, placeholder: "PATH") { text in
      text.isEmpty ? nil : text == "newest" ? .newest : .path(text.withoutEndingSlashes)
    }
  }
}

extension ValueParser where Value == String {
  /// The path of a folder.
  static var folder: Self {
    Self(expecting: "a folder", placeholder: "DIR") { $0.isEmpty ? nil : $0.withoutEndingSlashes }
  }
}

extension String {
  fileprivate var withoutEndingSlashes: String {
    var text = self
    while text.count > 1, text.hasSuffix("/") { text.removeLast() }
    return text
  }
}
