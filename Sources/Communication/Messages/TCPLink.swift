/// One connection: messages go out and come in, in order, as far as the socket takes and gives them.
///
/// What the other side sends without being expected stays with it, but for ``inboxBytes``.
final class TCPLink: MessageLink {
  /// How many bytes are read ahead; also up to which size header and bytes are written at once.
  static var inboxBytes: Int { 16 << 10 }

  private struct Outgoing {
    var header: MessageHeader
    var bytes: UnsafeRawBufferPointer
  }

  private struct Incoming {
    var header: MessageHeader
    var bytes: UnsafeMutableRawBufferPointer
  }

  let socket: Socket
  private var outgoing: [Outgoing] = []
  private var incoming: [Incoming] = []
  private(set) var sentCount = 0
  private(set) var receivedCount = 0
  /// The header of the first outgoing message, and its bytes if they are few.
  private let outbox: UnsafeMutableRawBufferPointer
  private var isOutboxFull = false
  /// How much of the first outgoing message is written, its header included.
  private var writtenCount = 0
  private let inbox: UnsafeMutableRawBufferPointer
  private var inboxRange = 0..<0
  /// How many bytes of the first incoming message are there; nil before its header.
  private var readCount: Int?

  init(_ socket: Socket) {
    self.socket = socket
    outbox = .allocate(byteCount: MessageHeader.byteCount + Self.inboxBytes, alignment: 64)
    inbox = .allocate(byteCount: Self.inboxBytes, alignment: 64)
  }

  deinit {
    outbox.deallocate()
    inbox.deallocate()
  }

  var awaitsInput: Bool { !incoming.isEmpty }
  var awaitsOutput: Bool { !outgoing.isEmpty }

  /// Posts a message; returns its number.
  func send(_ bytes: UnsafeRawBufferPointer, tag: MessageTag) -> Int {
    outgoing.append(
      Outgoing(header: MessageHeader(tag: tag, payloadCount: bytes.count), bytes: bytes))
    return sentCount + outgoing.count - 1
  }

  /// Posts memory for a message; returns its number.
  func receive(into bytes: UnsafeMutableRawBufferPointer, tag: MessageTag) -> Int {
    incoming.append(
      Incoming(header: MessageHeader(tag: tag, payloadCount: bytes.count), bytes: bytes))
    return receivedCount + incoming.count - 1
  }

  func cancel() {
    outgoing = []
    incoming = []
  }

  /// Why a link cannot go on.
  enum Failure: Error {
    case mismatch(expected: MessageHeader, found: MessageHeader)
    case closed(String)
  }

  // MARK: Output

  /// Writes what the socket takes; returns whether it took something.
  func write() throws -> Bool {
    var hasMoved = false
    while let first = outgoing.first {
      let bytes = unwritten(of: first)
      switch socket.write(bytes) {
      case .bytes(let count): writtenCount += count
      case .wait: return hasMoved
      case .closed(let reason): throw Failure.closed(reason)
      }
      hasMoved = true
      if writtenCount == MessageHeader.byteCount + first.bytes.count { finishFirstOutgoing() }
    }
    return hasMoved
  }

  private func unwritten(of message: Outgoing) -> UnsafeRawBufferPointer {
    let isSmall = message.bytes.count <= Self.inboxBytes
    if !isOutboxFull {
      message.header.write(to: outbox)
      if isSmall {
        outbox.part(MessageHeader.byteCount, message.bytes.count).copyMemory(from: message.bytes)
      }
      isOutboxFull = true
    }
    let boxed = MessageHeader.byteCount + (isSmall ? message.bytes.count : 0)
    if writtenCount < boxed {
      return UnsafeRawBufferPointer(outbox).part(writtenCount, boxed - writtenCount)
    }
    let start = writtenCount - MessageHeader.byteCount
    return message.bytes.part(start, message.bytes.count - start)
  }

  private func finishFirstOutgoing() {
    outgoing.removeFirst()
    sentCount += 1
    isOutboxFull = false
    writtenCount = 0
  }

  // MARK: Input

  /// Reads what the socket gives for messages that are expected; returns whether it gave something.
  func read() throws -> Bool {
    var hasMoved = false
    while let first = incoming.first {
      guard let count = readCount else {
        guard try readHeader(first.header) else { return hasMoved }
        hasMoved = true
        continue
      }
      let missing = first.bytes.count - count
      if missing == 0 {
        finishFirstIncoming()
      } else {
        guard let more = try readPayload(first.bytes.part(count, missing)) else { return hasMoved }
        readCount = count + more
      }
      hasMoved = true
    }
    return hasMoved
  }

  /// Reads the header of the first message, and compares it; false if it is not there yet.
  private func readHeader(_ expected: MessageHeader) throws -> Bool {
    while inboxRange.count < MessageHeader.byteCount {
      guard try fillInbox() else { return false }
    }
    let found = MessageHeader(
      UnsafeRawBufferPointer(inbox).part(inboxRange.lowerBound, MessageHeader.byteCount))
    guard found == expected else { throw Failure.mismatch(expected: expected, found: found) }
    inboxRange = inboxRange.lowerBound + MessageHeader.byteCount..<inboxRange.upperBound
    readCount = 0
    return true
  }

  /// Reads bytes of a message; nil if there are none now.
  private func readPayload(_ target: UnsafeMutableRawBufferPointer) throws -> Int? {
    if inboxRange.isEmpty, target.count >= Self.inboxBytes { return try read(into: target) }
    if inboxRange.isEmpty, try !fillInbox() { return nil }
    let count = min(target.count, inboxRange.count)
    target.copyMemory(from: UnsafeRawBufferPointer(inbox).part(inboxRange.lowerBound, count))
    inboxRange = inboxRange.lowerBound + count..<inboxRange.upperBound
    return count
  }

  private func fillInbox() throws -> Bool {
    let kept = inboxRange.count
    if kept > 0 {
      inbox.copyMemory(from: UnsafeRawBufferPointer(inbox).part(inboxRange.lowerBound, kept))
    }
    inboxRange = 0..<kept
    guard let count = try read(into: inbox.part(kept, inbox.count - kept)) else { return false }
    inboxRange = 0..<kept + count
    return true
  }

  private func read(into target: UnsafeMutableRawBufferPointer) throws -> Int? {
    switch socket.read(into: target) {
    case .bytes(let count): return count
    case .wait: return nil
    case .closed(let reason): throw Failure.closed(reason)
    }
  }

  private func finishFirstIncoming() {
    incoming.removeFirst()
    receivedCount += 1
    readCount = nil
  }
}
