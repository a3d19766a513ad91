/// Why a plan cannot run.
public struct ExecutionError: Error, Hashable, CustomStringConvertible, Sendable {
  /// What is wrong.
  public var what: String
  /// Where: the entry, the input, the slot.
  public var place: String
  /// What would fix it.
  public var fix: String

  /// Makes an error.
  public init(what: String, place: String, fix: String) {
    self.what = what
    self.place = place
    self.fix = fix
  }

  /// A sentence for people.
  public var description: String { "\(what) (\(place))\n  \(fix)" }
}
