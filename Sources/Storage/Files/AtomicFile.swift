import Glibc

/// A file that is either written whole or not there.
///
/// The bytes go to `.NAME.partial-PID-THREAD` in the same folder, which then takes the place of
/// NAME. Whatever fails on the way, the file that was there before is untouched and the partial
/// one is removed. (A process that is killed leaves its partial file behind.)
struct AtomicFile: ~Copyable {
  let path: String
  private let folder: String
  private let partialPath: String
  private let descriptor: FileDescriptor

  private init(_ path: String) throws {
    let slash = path.lastIndex(of: "/")
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    guard !name.isEmpty, name != ".", name != ".." else {
      throw StorageError("cannot write: not the name of a file", at: path, fix: "name a file")
    }
    // The thread, because two threads may write the same file, and the last one wins whole.
    let partialPath = "\(folder)/.\(name).partial-\(getpid())-\(pthread_self())"
    descriptor = try FileDescriptor(
      opening: partialPath, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, action: "write")
    (self.path, self.folder, self.partialPath) = (path, folder, partialPath)
  }

  /// Writes `byteCount` bytes, which `body` hands over piece by piece, to `path`.
  ///
  /// Throws what `body` throws, and ``StorageError`` when the folder cannot be written to or has
  /// no room for the file.
  static func write(
    _ path: String, byteCount: Int, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let file = try AtomicFile(path)
    do {
      try file.checkRoom(byteCount)
      try body { try file.descriptor.write($0) }
      try file.descriptor.synchronise()
      try file.takePlace()
    } catch {
      unlink(file.partialPath)
      throw error
    }
    try file.synchroniseFolder()
  }

  /// Asks for the room before writing, so that a full disk shows at once and with numbers.
  private func checkRoom(_ byteCount: Int) throws {
    var status = statvfs()
    guard fstatvfs(descriptor.number, &status) == 0 else { return }  // Writing will tell.
    let (free, overflow) = status.f_bavail.multipliedReportingOverflow(by: status.f_frsize)
    guard !overflow, free < UInt(byteCount) else { return }
    throw StorageError(
      "cannot write \(byteCount) bytes: \(free) are free", at: path,
      fix: "free some space, or choose a place on another disk")
  }

  private func takePlace() throws {
    guard rename(partialPath, path) == 0 else { throw SystemError().error("write", at: path) }
  }

  /// Makes the new name survive a crash of the machine.
  private func synchroniseFolder() throws {
    let opened = try FileDescriptor(
      opening: folder, flags: O_RDONLY | O_DIRECTORY, action: "bring the folder to disk")
    guard fsync(opened.number) == 0 || errno == EINVAL else {
      throw SystemError().error("bring the folder to disk", at: folder)
    }
  }
}
