import Foundation

/// The seeds of the random cases of a law.
///
/// Every run of the tests takes the first ones, so that it stays short; `make laws` takes all of them.
public enum LawSeeds {
  /// Whether all cases were asked for.
  public static var areAll: Bool { ProcessInfo.processInfo.environment["DEEPEP_LAWS"] == "all" }

  /// The seeds of a range that this run takes: the first `count` of them, or all.
  public static func of(_ range: Range<UInt64>, usually count: Int) -> Range<UInt64> {
    areAll ? range : range.prefix(count).startIndex..<range.prefix(count).endIndex
  }
}
