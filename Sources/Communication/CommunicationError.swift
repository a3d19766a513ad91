/// Why ranks could not work together.
public struct CommunicationError: Error, Hashable, CustomStringConvertible, Sendable {
  /// What is wrong.
  public var what: String
  /// Where: the rank, the operation, the group.
  public var place: String
  /// What would fix it.
  public var fix: String
  /// The last operations of every rank, a line each; empty if they are not known.
  public var lastOperations: [String] = []

  /// Makes an error.
  public init(_ what: String, at place: String, fix: String) {
    self.what = what
    self.place = place
    self.fix = fix
  }

  /// What and where on one line, then the fix, then the last operations of the ranks.
  public var description: String {
    let operations = lastOperations.map { "\n    \($0)" }
    return "\(what) (\(place))\n  \(fix)"
      + (operations.isEmpty ? "" : "\n  last operations:\(operations.joined())")
  }
}

extension [Int] {
  /// "rank 3" or "ranks 0, 2", as errors name them.
  var namedRanks: String {
    (count == 1 ? "rank " : "ranks ") + map(String.init).joined(separator: ", ")
  }
}
