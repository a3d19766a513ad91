/// A strategy that cannot work.
public struct StrategyError: Error, Hashable, CustomStringConvertible, Sendable {
  /// What is wrong.
  public var what: String
  /// The part of the strategy, or of the model, that is in the way.
  public var place: String
  /// What would work.
  public var fix: String

  /// A sentence for people.
  public var description: String { "\(what) (\(place))\n  \(fix)" }
}
