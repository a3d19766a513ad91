import DeepEPEvents

/// Messages between threads of this process: the deterministic twin of the other transports.
struct LocalMessages: MessageFabric {
  private struct Place: Hashable {
    var group: UInt64
    var rank: Int
  }

  private let mailboxes = Monitor<[Place: LocalMailbox]>([:])

  func channel(_ control: any JobControl, among members: [Int]) throws -> any MessageChannel {
    let own = UInt64.random(in: 0 ... .max)
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: own >> (8 * UInt64($0))) }
    let first = try control.exchange(bytes, as: "messages", among: members)[0]
    let group = first.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return LocalMessageChannel(
      members.indices.map { mailbox(Place(group: group, rank: $0)) },
      rank: members.firstIndex(of: control.rank) ?? 0)
  }

  /// A rank's mailbox in a group, which whoever comes first makes.
  private func mailbox(_ place: Place) -> LocalMailbox {
    mailboxes.change { mailboxes in
      if let mailbox = mailboxes[place] { return mailbox }
      let mailbox = LocalMailbox()
      mailboxes[place] = mailbox
      return mailbox
    }
  }
}

/// What was sent to a rank of a group and not yet received.
private final class LocalMailbox: Sendable {
  struct Message {
    var tag: MessageTag
    var bytes: [UInt8]
  }

  /// By the rank that sent them.
  let messages = Monitor<[Int: [Message]]>([:])
}

// Only its rank's thread uses it; what ranks share is behind the mailboxes' locks.
private final class LocalMessageChannel: MessageChannel, @unchecked Sendable {
  private struct Expected {
    var header: MessageHeader
    var bytes: UnsafeMutableRawBufferPointer
  }

  /// By rank of the group.
  private let mailboxes: [LocalMailbox]
  private let rank: Int
  private var expected: [[Expected]]
  private var receivedCounts: [Int]
  private var sentCounts: [Int]
  private(set) var postedBytes: [Int]

  init(_ mailboxes: [LocalMailbox], rank: Int) {
    let rankCount = mailboxes.count
    (self.mailboxes, self.rank) = (mailboxes, rank)
    expected = Array(repeating: [], count: rankCount)
    receivedCounts = Array(repeating: 0, count: rankCount)
    sentCounts = receivedCounts
    postedBytes = receivedCounts
  }

  var awaitedPeers: [Int] { expected.indices.filter { !expected[$0].isEmpty } }

  func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, tag: MessageTag) -> MessageRequest {
    let message = LocalMailbox.Message(tag: tag, bytes: Array(bytes))
    mailboxes[peer].messages.change { $0[rank, default: []].append(message) }
    postedBytes[peer] += bytes.count
    sentCounts[peer] += 1
    return MessageRequest(peer: peer, direction: .send, number: sentCounts[peer] - 1)
  }

  func receive(
    into bytes: UnsafeMutableRawBufferPointer, from peer: Int, tag: MessageTag
  ) -> MessageRequest {
    let number = receivedCounts[peer] + expected[peer].count
    expected[peer].append(
      Expected(header: MessageHeader(tag: tag, payloadCount: bytes.count), bytes: bytes))
    return MessageRequest(peer: peer, direction: .receive, number: number)
  }

  func isDone(_ request: MessageRequest) -> Bool {
    request.direction == .send || request.number < receivedCounts[request.peer]
  }

  func progress() throws -> Bool {
    var hasMoved = false
    for peer in expected.indices {
      while let next = expected[peer].first, let message = take(from: peer) {
        let found = MessageHeader(tag: message.tag, payloadCount: message.bytes.count)
        guard found == next.header else {
          throw MessageFailure.mismatch(peer: peer, expected: next.header, found: found)
        }
        next.bytes.copyBytes(from: message.bytes)
        expected[peer].removeFirst()
        receivedCounts[peer] += 1
        hasMoved = true
      }
    }
    return hasMoved
  }

  private func take(from peer: Int) -> LocalMailbox.Message? {
    mailboxes[rank].messages.change { messages in
      guard var waiting = messages.removeValue(forKey: peer) else { return nil }
      let message = waiting.removeFirst()
      if !waiting.isEmpty { messages[peer] = waiting }
      return message
    }
  }

  func look() -> Bool { false }

  func sleep(milliseconds: Int) {
    let peers = awaitedPeers
    mailboxes[rank].messages.wait(until: Clock.seconds + Double(milliseconds) * 1e-3) {
      messages, isLate in
      isLate || peers.contains { messages[$0] != nil } ? () : nil
    }
  }

  func cancel() { expected = Array(repeating: [], count: expected.count) }
}
