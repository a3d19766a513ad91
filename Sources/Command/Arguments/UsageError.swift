/// A command line that cannot be understood: what is wrong with it, and what would fix it.
package struct UsageError: Error, CustomStringConvertible, Equatable, Sendable {
  /// What was wrong, with the option or command that it is about.
  package let what: String
  /// What would fix it.
  package let fix: String

  /// Makes an error.
  package init(_ what: String, fix: String) {
    self.what = what
    self.fix = fix
  }

  /// What was wrong, and the fix on a line of its own.
  package var description: String { "\(what)\n  \(fix)" }
}
