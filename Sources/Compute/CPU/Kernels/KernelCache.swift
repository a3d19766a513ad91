import DeepEPEvents

/// Where compiled kernels are kept for the next run.
///
/// A folder belongs to one user: what others wrote into it, or may write, is not used. It holds at most
/// about 256 MiB; what was not used for the longest time goes first. One that cannot be read or written
/// is no error, only slower.
public enum KernelCache: Sendable, Hashable, CustomStringConvertible {
  /// `$XDG_CACHE_HOME/deepep`, or `~/.cache/deepep`; nowhere if neither is known.
  case standard
  /// A folder, which is made when the first kernel is kept.
  case folder(String)
  /// Nowhere: each process compiles anew.
  case off

  /// The folder; nil for none, and for what cannot be a path.
  var path: String? {
    switch self {
    case .standard: CacheFolder.standardPath
    case .folder(let path): path.isEmpty || path.utf8.contains(0) ? nil : path
    case .off: nil
    }
  }

  /// The folder, or `off`.
  public var description: String { path ?? "off" }
}
