import Foundation

/// The seeds of the random cases of a law.
///
/// Every run of the tests takes the first ones, so that it stays short; `make laws` takes all of them.
public enum LawSeeds {
  public static var areAll: Bool { ProcessInfo.processInfo.environment["DEEPEP_LAWS"] == "all" }

  public static func of(_ range: Range<UInt64>, usually count: Int) -> Range<UInt64> {
    areAll ? range : range.prefix(count).startIndex..<range.prefix(count).endIndex
  }
}
