import Glibc
import Synchronization

/// Kernels on disk, a file each, named after what was compiled and how.
///
/// Any number of threads and processes may use a folder at the same time. A file is written aside and
/// renamed, so it is whole or not there. It is not brought to disk by force: what a crash of the
/// machine damaged is found by its digest, like all that is not as it was written, and replaced by the
/// next process that needs it. Nothing here is an error: a kernel that is not found is compiled.
final class KernelFolder: Sendable {
  private let path: String
  private let byteLimit: Int
  /// The bytes that may be written before the folder is looked through again.
  private let allowance = Mutex(0)

  /// Describes a folder, which need not be there yet.
  init(_ path: String, byteLimit: Int) {
    (self.path, self.byteLimit) = (path, byteLimit)
  }

  private func file(_ key: ContentDigest) -> String { "\(path)/\(key.hexadecimal).kernel" }

  /// The object code that was kept for a key; it counts as used now.
  func object(_ key: ContentDigest) -> [UInt8]? {
    let descriptor = open(file(key), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.isOwn,
      status.st_size <= KernelFile.largestByteCount
    else { return nil }
    let bytes = Self.read(descriptor, count: Int(status.st_size))
    guard let object = KernelFile.object(bytes, key: key) else { return nil }
    futimens(descriptor, nil)
    return object
  }

  private static func read(_ descriptor: Int32, count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let rest = UnsafeMutableRawBufferPointer(
          rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
        let got = Glibc.read(descriptor, rest.baseAddress, rest.count)
        guard got > 0 else { return }
        filled += got
      }
    }
  }

  /// Keeps object code, in the place of what is there.
  func keep(_ object: [UInt8], _ key: ContentDigest) {
    let bytes = KernelFile.bytes(object, key: key)
    guard bytes.count <= min(KernelFile.largestByteCount, byteLimit) else { return }
    if !write(bytes, key) {
      makeFolders()
      guard write(bytes, key) else { return }
    }
    if isScanDue(bytes.count) { KernelFolderScan(path).shrink(toByteCount: byteLimit) }
  }

  /// Whether so much was written that the folder is to be looked through again; so it is the first time.
  private func isScanDue(_ byteCount: Int) -> Bool {
    allowance.withLock { left in
      left -= byteCount
      guard left < 0 else { return false }
      left = byteLimit / 64
      return true
    }
  }

  private func write(_ bytes: [UInt8], _ key: ContentDigest) -> Bool {
    // Not the process's number: processes in two containers may have the same.
    let suffix = IRLiteral.hexadecimal(UInt64.random(in: 0 ... .max))
    let partial = "\(path)/\(key.hexadecimal)-\(suffix).partial"
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
    let descriptor = open(partial, flags, 0o600)
    guard descriptor >= 0 else { return false }
    let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
    if written == bytes.count, rename(partial, file(key)) == 0 { return true }
    unlink(partial)
    return false
  }

  /// Makes the folder and those above it.
  private func makeFolders() {
    for (index, character) in zip(path.indices, path).dropFirst() where character == "/" {
      mkdir(String(path[..<index]), 0o700)
    }
    mkdir(path, 0o700)
  }
}

extension stat {
  /// Whether this is a regular file that belongs to this user, and that nobody else may write.
  fileprivate var isOwn: Bool {
    st_mode & S_IFMT == S_IFREG && st_uid == geteuid() && st_mode & 0o022 == 0
  }
}
