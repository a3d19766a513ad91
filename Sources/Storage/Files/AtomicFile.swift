import Glibc

/// A file that is either written whole or not there.
///
/// The bytes go to `.NAME.partial-PID-THREAD` in the same folder, which then takes the place of
/// NAME. Whatever fails until then, the file that was there before is untouched and the partial
/// one is removed. One that a killed process left behind is removed by the next write of NAME.
package struct AtomicFile: ~Copyable {
  let path: String
  private let folder: String
  private let partialPath: String
  private let descriptor: FileDescriptor

  private init(_ path: String) throws {
    let path = try AtomicFile.destination(path)
    let slash = path.lastIndex(of: "/")
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    guard !name.isEmpty, name != ".", name != ".." else {
      throw StorageError("cannot write: not the name of a file", at: path, fix: "name a file")
    }
    let prefix = ".\(name).partial-"
    StalePartialFiles.remove(in: folder, prefix: prefix)
    // The thread, because two threads may write the same file, and the last one wins whole.
    let partialPath = "\(folder)/\(prefix)\(getpid())-\(pthread_self())"
    descriptor = try AtomicFile.openLocked(partialPath, for: path)
    (self.path, self.folder, self.partialPath) = (path, folder, partialPath)
  }

  /// Opens the partial file and takes its lock, again if it was taken for stale in between.
  private static func openLocked(
    _ partialPath: String, for path: String
  ) throws -> FileDescriptor {
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
    while true {
      let file = try FileDescriptor(
        opening: partialPath, flags: flags, action: "write", name: path)
      // Where files cannot be locked, nobody can take this one for stale either.
      _ = file.lock(waiting: true)
      if try file.status(action: "write").st_nlink > 0 { return file }
    }
  }

  /// Where `path` leads: through a symbolic link, which stays; never over a device or a folder.
  private static func destination(_ path: String) throws -> String {
    var status = stat()
    guard stat(path, &status) == 0 else { return path }
    guard status.isRegularFile else {
      throw StorageError(
        status.isFolder ? "cannot write: this is a folder" : "cannot write: not a regular file",
        at: path, fix: "name a file")
    }
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
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

  /// Writes a text in UTF-8.
  ///
  /// - Throws: ``StorageError`` if the file cannot be written.
  package static func write(_ path: String, text: String) throws {
    let bytes = Array(text.utf8)
    try write(path, byteCount: bytes.count) { consume in
      try bytes.withUnsafeBytes { try consume($0) }
    }
  }

  /// Asks for the room before writing, so that a full disk shows at once and with numbers.
  private func checkRoom(_ byteCount: Int) throws {
    var status = statvfs()
    // Where the system does not know, writing will tell.
    guard fstatvfs(descriptor.number, &status) == 0, status.f_blocks > 0 else { return }
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
