import Glibc

/// Wakes a thread that sleeps in poll(2).
final class Waker: Sendable {
  /// Readable after ``wake()``.
  let descriptor: Int32
  private let input: Int32

  /// Makes one that nobody has woken.
  ///
  /// - Throws: ``CommunicationError`` if the process has no room for two more files.
  init() throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw CommunicationError(
        "cannot make a pipe: \(String(cString: strerror(errno)))", at: "this process",
        fix: "raise the limit on open files: ulimit -n")
    }
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    (descriptor, input) = (ends[0], ends[1])
  }

  deinit {
    close(descriptor)
    close(input)
  }

  /// Wakes the sleeper, or keeps it from falling asleep.
  func wake() {
    var byte: UInt8 = 1
    // A full pipe wakes as well.
    _ = write(input, &byte, 1)
  }

  /// Forgets all that has woken so far.
  func clear() {
    var bytes = [UInt8](repeating: 0, count: 64)
    while read(descriptor, &bytes, bytes.count) > 0 {}
  }
}
