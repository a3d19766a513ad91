import DeepEPEvents
import Glibc

/// Where the tokens of texts are kept for the next run.
///
/// Texts of less than 1 MiB are not kept: their tokens are made as fast as they are found. A file that no run has used
/// for 30 days goes when another one is written. A folder that cannot be read or written is no error, only slower.
public enum TokenCache: Sendable, Hashable, CustomStringConvertible {
  /// `$XDG_CACHE_HOME/deepep/tokens`, or `~/.cache/deepep/tokens`; nowhere if neither is known.
  case standard
  /// A folder, which is made when the first file is kept.
  case folder(String)
  /// Nowhere: each run makes them anew.
  case off

  static let smallestTextByteCount = 1 << 20
  private static let unusedSeconds = 30 * 24 * 3600
  private static let ending = ".tokens"

  /// The folder; nil for none.
  private var path: String? {
    switch self {
    case .standard: CacheFolder.standardPath.map { "\($0)/tokens" }
    case .folder(let path): path.isEmpty || path.utf8.contains(0) ? nil : path
    case .off: nil
    }
  }

  /// The folder, or `off`.
  public var description: String { path ?? "off" }

  /// The file of what was made from a source, which counts as used now.
  ///
  /// - Parameter notice: told why a file that is there is not taken.
  func file(of source: String, notice: (StorageError) -> Void) -> TokenFile? {
    guard let path = path(of: source), access(path, F_OK) == 0 else { return nil }
    do {
      let file = try TokenFile(path)
      guard file.source == source else {
        throw StorageError(
          "the tokens are those of something else", at: path, fix: "they are made again")
      }
      utimensat(AT_FDCWD, path, nil, 0)
      return file
    } catch {
      notice(
        error as? StorageError ?? StorageError("\(error)", at: path, fix: "they are made again"))
      return nil
    }
  }

  /// Keeps tokens; returns the file, or nil where there can be none.
  func keep(_ texts: [[Int32]], by tokenizer: any Tokenizer, of source: String) -> TokenFile? {
    guard let folder = path, let path = path(of: source) else { return nil }
    do {
      try Folder.make(folder)
      removeUnused(in: folder)
      try TokenFile.write(texts, by: tokenizer, source: source, to: path)
      return try TokenFile(path)
    } catch {
      return nil
    }
  }

  private func path(of source: String) -> String? {
    path.map { "\($0)/\(source)\(Self.ending)" }
  }

  private func removeUnused(in folder: String) {
    for name in Folder.names(in: folder) where name.hasSuffix(Self.ending) {
      var status = stat()
      let path = "\(folder)/\(name)"
      guard lstat(path, &status) == 0, status.isRegularFile,
        status.st_mtim.tv_sec < time(nil) - Self.unusedSeconds
      else { continue }
      unlink(path)
    }
  }
}
