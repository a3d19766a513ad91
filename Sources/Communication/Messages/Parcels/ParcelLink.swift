/// The messages between this rank and another one of its group.
///
/// Of each message a box comes first: its header, and its bytes if they are few. More bytes are another message of
/// the carrier's, which moves them from memory to memory, by the device itself where it can. Both are posted at once;
/// the carrier keeps the order of the boxes, and that of the others.
final class ParcelLink: MessageLink {
  private struct Incoming {
    var header: MessageHeader
    var bytes: UnsafeMutableRawBufferPointer
    var parcel: Parcel
    var isOpen = false
  }

  private let carrier: any ParcelCarrier
  private let boxes: ParcelBoxes
  private let peer: Int
  private var outgoing: [Parcel] = []
  private var incoming: [Incoming] = []
  /// How many messages are done.
  private(set) var sentCount = 0
  private(set) var receivedCount = 0

  init(_ carrier: any ParcelCarrier, _ boxes: ParcelBoxes, peer: Int) {
    (self.carrier, self.boxes, self.peer) = (carrier, boxes, peer)
  }

  var awaitsInput: Bool { !incoming.isEmpty }
  var isIdle: Bool { incoming.isEmpty && outgoing.isEmpty }

  /// Posts a message; returns its number.
  func send(_ bytes: UnsafeRawBufferPointer, tag: MessageTag) -> Int {
    let box = boxes.take()
    MessageHeader(tag: tag, payloadCount: bytes.count).write(to: box)
    let boxedCount = ParcelBoxes.boxedCount(bytes.count)
    box.part(MessageHeader.byteCount, boxedCount).copyMemory(from: bytes.part(0, boxedCount))
    let content = UnsafeRawBufferPointer(box).part(0, MessageHeader.byteCount + boxedCount)
    var parcel = Parcel(box: box, boxed: carrier.send(content, to: peer, .box))
    if boxedCount < bytes.count {
      parcel.payload = carrier.send(bytes, to: peer, .payload)
    }
    outgoing.append(parcel)
    return sentCount + outgoing.count - 1
  }

  /// Posts memory for a message; returns its number.
  func receive(into bytes: UnsafeMutableRawBufferPointer, tag: MessageTag) -> Int {
    let box = boxes.take()
    var parcel = Parcel(box: box, boxed: carrier.receive(into: box, from: peer, .box))
    if ParcelBoxes.boxedCount(bytes.count) < bytes.count {
      parcel.payload = carrier.receive(into: bytes, from: peer, .payload)
    }
    let header = MessageHeader(tag: tag, payloadCount: bytes.count)
    incoming.append(Incoming(header: header, bytes: bytes, parcel: parcel))
    return receivedCount + incoming.count - 1
  }

  // MARK: Moving on

  /// Takes note of what is done; returns whether something is.
  ///
  /// - Throws: ``MessageFailure``.
  func advance() throws -> Bool {
    var hasMoved = false
    while try finishFirstOutgoing() { hasMoved = true }
    while try finishFirstIncoming() { hasMoved = true }
    // A rank that has ended in good order is missed only by those who wait for it.
    if !isIdle, let reason = carrier.failure(of: peer) { throw closed(reason) }
    return hasMoved
  }

  private func finishFirstOutgoing() throws -> Bool {
    guard !outgoing.isEmpty else { return false }
    outgoing[0].update(carrier)
    guard try count(outgoing[0].boxed) != nil, try count(outgoing[0].payload) != nil else {
      return false
    }
    boxes.give(back: outgoing.removeFirst().box)
    sentCount += 1
    return true
  }

  private func finishFirstIncoming() throws -> Bool {
    guard !incoming.isEmpty else { return false }
    incoming[0].parcel.update(carrier)
    guard let boxed = try count(incoming[0].parcel.boxed) else { return false }
    if !incoming[0].isOpen {
      try open(incoming[0], boxed)
      incoming[0].isOpen = true
    }
    guard let payload = try count(incoming[0].parcel.payload) else { return false }
    let missing = incoming[0].bytes.count - boxed + MessageHeader.byteCount - payload
    guard missing == 0 else { throw closed("\(missing) bytes of a message are missing") }
    boxes.give(back: incoming.removeFirst().parcel.box)
    receivedCount += 1
    return true
  }

  /// Compares the header in a box, and takes the bytes beside it.
  private func open(_ message: Incoming, _ boxed: Int) throws {
    let box = UnsafeRawBufferPointer(message.parcel.box)
    guard boxed >= MessageHeader.byteCount else { throw closed("a message without a header") }
    let found = MessageHeader(box)
    let boxedCount = boxed - MessageHeader.byteCount
    guard found == message.header, boxedCount == ParcelBoxes.boxedCount(message.bytes.count) else {
      throw MessageFailure.mismatch(peer: peer, expected: message.header, found: found)
    }
    message.bytes.part(0, boxedCount).copyMemory(
      from: box.part(MessageHeader.byteCount, boxedCount))
  }

  /// The bytes of what is done; nil while it is not.
  private func count(_ request: ParcelRequest) throws -> Int? {
    switch request {
    case .sending, .receiving: return nil
    case .done(let count): return count
    case .failed(let status): throw closed(carrier.reason(status))
    }
  }

  private func closed(_ reason: String) -> MessageFailure {
    .closed(peer: peer, reason: reason)
  }

  // MARK: Ending

  /// Asks for the end of all that is under way.
  func cancel() {
    for parcel in outgoing + incoming.map(\.parcel) { parcel.cancel(carrier) }
  }

  /// Whether nothing is under way any more.
  func isSettled() -> Bool {
    for index in outgoing.indices { outgoing[index].update(carrier) }
    for index in incoming.indices { incoming[index].parcel.update(carrier) }
    return !(outgoing + incoming.map(\.parcel)).contains { $0.isRunning }
  }

  /// Forgets all messages.
  func clear() {
    outgoing = []
    incoming = []
  }
}

/// A message of a link as its carrier has it.
struct Parcel {
  var box: UnsafeMutableRawBufferPointer
  var boxed: ParcelRequest
  var payload = ParcelRequest.done(byteCount: 0)

  var isRunning: Bool { boxed.isRunning || payload.isRunning }

  mutating func update(_ carrier: any ParcelCarrier) {
    carrier.update(&boxed)
    carrier.update(&payload)
  }

  func cancel(_ carrier: any ParcelCarrier) {
    carrier.cancel(boxed)
    carrier.cancel(payload)
  }
}
