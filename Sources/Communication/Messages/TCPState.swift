import Glibc

/// What the kernel knows of the bytes that a connection has sent: TCP_INFO of tcp(7).
///
/// A limit on silence by TCP_USER_TIMEOUT would also end the connection to a rank that is only late: while
/// it reads nothing, its kernel answers that there is no room. Bytes that are sent again and again
/// without any answer are another thing.
struct TCPState {
  /// How many packets are on their way, or lost.
  private let unansweredCount: UInt32
  /// How often the first of them was sent again; the pauses between double.
  private let repetitionCount: UInt8
  private let answerMilliseconds: UInt32

  /// - Returns: nil if the kernel does not say.
  init?(_ socket: Socket) {
    let information: Int32 = 11  // TCP_INFO
    let state = withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) {
      bytes -> (UInt32, UInt8, UInt32)? in
      var size = socklen_t(bytes.count)
      let status = getsockopt(
        socket.descriptor, Int32(IPPROTO_TCP), information, bytes.baseAddress, &size)
      // The places of tcpi_unacked, tcpi_retransmits and tcpi_last_ack_recv in linux/tcp.h.
      guard status == 0, size >= 60 else { return nil }
      return (
        bytes.load(fromByteOffset: 24, as: UInt32.self),
        bytes.load(fromByteOffset: 2, as: UInt8.self),
        bytes.load(fromByteOffset: 56, as: UInt32.self)
      )
    }
    guard let state else { return nil }
    (unansweredCount, repetitionCount, answerMilliseconds) = state
  }

  /// Whether something that was sent has not arrived yet.
  var hasBytesUnderWay: Bool { unansweredCount > 0 }

  /// Whether the other side cannot be reached any more: after four repetitions, for three seconds and more.
  var isLost: Bool { unansweredCount > 0 && repetitionCount >= 4 && answerMilliseconds >= 2500 }
}
