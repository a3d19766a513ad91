/// Why a region or a kernel cannot be compiled.
public struct KernelError: Error, Hashable, CustomStringConvertible {
  /// What was wrong.
  public let what: String
  /// Where: which part of which region.
  public let place: String
  /// What would fix it.
  public let fix: String

  /// All three in one line.
  public var description: String { "\(what) (\(place)): \(fix)" }
}
