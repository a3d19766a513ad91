import Glibc

/// The bytes of a file, mapped into memory for reading.
///
/// Pages are read when they are first touched. Replacing the file (as ``AtomicFile`` does) leaves
/// a mapping whole; truncating it in place while it is mapped ends the process, as for every
/// memory-mapped file.
final class MappedFile: Sendable {
  let path: String
  let count: Int
  private let address: UInt

  init(_ path: String) throws {
    let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK, action: "read")
    let status = try file.status(action: "read")
    guard status.isRegularFile else {
      throw StorageError(
        status.isFolder ? "cannot read: this is a folder" : "cannot read: not a regular file",
        at: path, fix: "name a file")
    }
    self.path = path
    count = status.st_size
    address = try count == 0 ? 0 : MappedFile.map(file, count: count)
  }

  deinit { if count > 0 { munmap(UnsafeMutableRawPointer(bitPattern: address), count) } }

  private static func map(_ file: borrowing FileDescriptor, count: Int) throws -> UInt {
    let mapped = mmap(nil, count, PROT_READ, MAP_PRIVATE, file.number, 0)
    guard mapped != MAP_FAILED else { throw SystemError().error("map", at: file.path) }
    return UInt(bitPattern: mapped)
  }

  /// Calls `body` with all bytes of the file.
  func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try body(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: count))
  }
}
