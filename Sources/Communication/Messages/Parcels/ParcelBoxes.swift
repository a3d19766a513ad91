/// Memory for headers of messages, and for messages of few bytes; it is used again and again.
final class ParcelBoxes {
  private static var payloadBytes: Int { 8 << 10 }

  private var all: [UnsafeMutableRawBufferPointer] = []
  private var free: [UnsafeMutableRawBufferPointer] = []
  private var isAbandoned = false

  deinit {
    guard !isAbandoned else { return }
    for box in all { box.deallocate() }
  }

  /// How many bytes of a message travel in the box: all or none.
  static func boxedCount(_ byteCount: Int) -> Int { byteCount <= payloadBytes ? byteCount : 0 }

  /// A box that nobody uses.
  func take() -> UnsafeMutableRawBufferPointer {
    if let box = free.popLast() { return box }
    let box = UnsafeMutableRawBufferPointer.allocate(
      byteCount: MessageHeader.byteCount + Self.payloadBytes, alignment: 64)
    all.append(box)
    return box
  }

  func give(back box: UnsafeMutableRawBufferPointer) { free.append(box) }

  /// Leaves the memory to a carrier that may still write to it.
  func abandon() { isAbandoned = true }
}
