import Glibc

/// Partial files that processes left behind when they were killed while writing.
///
/// A writer holds a lock (flock(2)) on its partial file, which the system lets go of when the
/// process ends. So one that can be locked belongs to nobody.
enum StalePartialFiles {
  /// Removes those of `folder` whose names begin with `prefix`; what cannot be removed stays.
  static func remove(in folder: String, prefix: String) {
    for name in Folder.names(in: folder) where name.hasPrefix(prefix) {
      removeIfStale("\(folder)/\(name)")
    }
  }

  private static func removeIfStale(_ path: String) {
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
    guard let file = try? FileDescriptor(opening: path, flags: flags, action: "remove") else {
      return
    }
    if file.lock(waiting: false) { unlink(path) }
  }
}
