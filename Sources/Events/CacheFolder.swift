import Glibc

/// Where a user's programs keep what they can make again.
package enum CacheFolder {
  /// `$XDG_CACHE_HOME/deepep`, or `~/.cache/deepep`; nil if neither is known.
  ///
  /// The XDG base directory specification: a path that is not absolute is as if it were not set.
  package static var standardPath: String? {
    if let cache = variable("XDG_CACHE_HOME") { return "\(cache)/deepep" }
    return variable("HOME").map { "\($0)/.cache/deepep" }
  }

  private static func variable(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let path = String(cString: value)
    return path.hasPrefix("/") ? path : nil
  }
}
