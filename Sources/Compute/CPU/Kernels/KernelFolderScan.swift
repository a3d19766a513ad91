import Glibc

/// What is in a folder of kernels.
struct KernelFolderScan {
  private struct File {
    let path: String
    /// What it takes on disk.
    let byteCount: Int
    /// When it was written or last used.
    let usedSeconds: Int
    let usedNanoseconds: Int
  }

  /// A partial file this old belongs to a process that was killed: writing one takes milliseconds.
  private static let partialSeconds = 3600
  private var kernels: [File] = []

  /// Looks through a folder, and removes what killed processes left behind.
  init(_ folder: String) {
    guard let stream = opendir(folder) else { return }
    defer { closedir(stream) }
    let now = time(nil)
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let file = Self.file("\(folder)/\(name)") else { continue }
      if name.hasSuffix(".kernel") { kernels.append(file) }
      if name.hasSuffix(".partial"), file.usedSeconds < now - Self.partialSeconds {
        unlink(file.path)
      }
    }
  }

  private static func file(_ path: String) -> File? {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return File(
      path: path, byteCount: max(Int(status.st_blocks) * 512, Int(status.st_size)),
      usedSeconds: status.st_mtim.tv_sec, usedNanoseconds: status.st_mtim.tv_nsec)
  }

  /// Removes the kernels that were not used for the longest time, until the rest fits.
  func shrink(toByteCount limit: Int) {
    var total = kernels.reduce(0) { $0 + $1.byteCount }
    guard total > limit else { return }
    let oldestFirst = kernels.sorted {
      ($0.usedSeconds, $0.usedNanoseconds) < ($1.usedSeconds, $1.usedNanoseconds)
    }
    for file in oldestFirst where total > limit {
      unlink(file.path)
      total -= file.byteCount
    }
  }
}
