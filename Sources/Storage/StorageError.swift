/// What went wrong with a file or with what was to be written to one.
///
/// The one error type of this module. Its description is what the command line prints.
public struct StorageError: Error, CustomStringConvertible, Equatable, Sendable {
  /// What was wrong, with the values that were found.
  public let what: String
  /// Where: the file, and the field, tensor or byte in it.
  public let place: String
  /// What would fix it.
  public let fix: String

  /// Makes an error.
  public init(_ what: String, at place: String, fix: String) {
    self.what = what
    self.place = place
    self.fix = fix
  }

  /// The same error of something that is in a file or folder.
  func within(_ path: String) -> StorageError {
    StorageError(what, at: "\(path), \(place)", fix: fix)
  }

  /// The error on two lines: what and where, then the fix.
  public var description: String { "\(what) (\(place))\n  \(fix)" }
}

extension String {
  /// This text, which came from a file, in quotes as an error shows it.
  package var shown: String { "'\(escaped)'" }

  /// This text, which came from a file, as an error shows it.
  ///
  /// Control characters are escaped, since they could change the terminal, and what is long is cut.
  package var escaped: String {
    let start = unicodeScalars.prefix(100).map { scalar in
      scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : "\(scalar)"
    }
    return start.joined() + (unicodeScalars.count > 100 ? "…" : "")
  }
}
