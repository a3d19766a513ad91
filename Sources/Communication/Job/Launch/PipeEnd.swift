import Glibc

/// A file descriptor that never blocks; closed with its last reference.
final class PipeEnd: Sendable {
  let descriptor: Int32

  /// Takes over an open descriptor, which programs that are started do not inherit.
  init(descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  deinit { close(descriptor) }

  /// A pipe: what is written into the second end comes out of the first.
  ///
  /// - Parameter isInherited: which end a new process gets, which expects it to block.
  static func pair() throws -> (reading: PipeEnd, writing: PipeEnd) {
    let (reading, writing) = try DescriptorCalls.pipe()
    return (PipeEnd(descriptor: reading), PipeEnd(descriptor: writing))
  }

  /// Lets reads and writes wait, as programs expect of what they inherit.
  func blocks() -> Self {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
    return self
  }

  /// Reads at most `count` bytes.
  func read(_ count: Int) -> Progress {
    var bytes = [UInt8](repeating: 0, count: count)
    let result = Glibc.read(descriptor, &bytes, count)
    if result > 0 { return .bytes(Array(bytes[..<result])) }
    return result < 0 && (errno == EAGAIN || errno == EINTR) ? .wait : .closed
  }

  /// What a read came to.
  enum Progress {
    case bytes([UInt8])
    case wait
    case closed
  }
}

/// Bytes that wait until a descriptor takes them.
struct PendingOutput {
  private var bytes: [UInt8] = []
  private var written = 0

  var count: Int { bytes.count - written }

  mutating func append(_ more: [UInt8]) { bytes += more }

  /// Writes what there is room for; returns whether anybody still reads.
  mutating func flush(to end: PipeEnd) -> Bool {
    while count > 0 {
      let result = bytes.withUnsafeBytes {
        Glibc.write(end.descriptor, $0.baseAddress.map { $0 + written }, $0.count - written)
      }
      if result < 0 { return errno == EAGAIN || errno == EINTR }
      written += result
    }
    bytes.removeAll(keepingCapacity: true)
    written = 0
    return true
  }
}
