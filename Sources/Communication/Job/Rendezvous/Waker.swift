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
    (descriptor, input) = try DescriptorCalls.pipe()
    for end in [descriptor, input] {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
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
