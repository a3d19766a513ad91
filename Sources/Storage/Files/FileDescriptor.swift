import Glibc

/// An open file that is closed when its owner lets go of it.
struct FileDescriptor: ~Copyable {
  let number: Int32
  /// What errors call the file.
  let path: String

  /// - Parameter name: What errors call the file, if not by its path.
  init(
    opening path: String, flags: Int32, mode: mode_t = 0o666, action: String, name: String? = nil
  ) throws {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw StorageError("cannot \(action): not a path", at: "'\(path)'", fix: "name a file")
    }
    let opened = open(path, flags | O_CLOEXEC, mode)
    guard opened >= 0 else { throw SystemError().error(action, at: name ?? path) }
    number = opened
    self.path = name ?? path
  }

  deinit { close(number) }

  func status(action: String) throws -> stat {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw SystemError().error(action, at: path) }
    return status
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Glibc.write(
        number, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError().error("write", at: path)
      }
      rest = rest.dropFirst(count)
    }
  }

  /// Reads until the end; `expectedCount` is a hint that saves copies.
  func readToEnd(expectedCount: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(max(0, expectedCount))
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = read(number, &piece, piece.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError().error("read", at: path)
      }
      if count == 0 { return bytes }
      bytes += piece[..<count]
    }
  }

  /// Takes the lock of the file, which others see; false if it cannot be had.
  func lock(waiting: Bool) -> Bool {
    flock(number, waiting ? LOCK_EX : LOCK_EX | LOCK_NB) == 0
  }

  func synchronise() throws {
    guard fsync(number) == 0 else { throw SystemError().error("bring to disk", at: path) }
  }
}

extension stat {
  var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }
  var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
  var isPipe: Bool { st_mode & S_IFMT == S_IFIFO }
}
