/// The messages between this rank and another one of its group, in both directions.
protocol MessageLink: AnyObject {
  /// Posts a message; returns its number.
  func send(_ bytes: UnsafeRawBufferPointer, tag: MessageTag) -> Int

  /// Posts memory for a message; returns its number.
  func receive(into bytes: UnsafeMutableRawBufferPointer, tag: MessageTag) -> Int

  /// How many messages are sent, and how many are there.
  var sentCount: Int { get }
  var receivedCount: Int { get }

  /// Whether a message is waited for.
  var awaitsInput: Bool { get }
}

/// A channel that has a link to each of the other ranks.
protocol LinkedChannel: MessageChannel {
  associatedtype Link: MessageLink

  /// By rank of the group; the own one is nil.
  var links: [Link?] { get }
  var postedBytes: [Int] { get set }
}

extension LinkedChannel {
  func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, tag: MessageTag) -> MessageRequest {
    postedBytes[peer] += bytes.count
    let number = links[peer]?.send(bytes, tag: tag) ?? 0
    return MessageRequest(peer: peer, direction: .send, number: number)
  }

  func receive(
    into bytes: UnsafeMutableRawBufferPointer, from peer: Int, tag: MessageTag
  ) -> MessageRequest {
    let number = links[peer]?.receive(into: bytes, tag: tag) ?? 0
    return MessageRequest(peer: peer, direction: .receive, number: number)
  }

  func isDone(_ request: MessageRequest) -> Bool {
    guard let link = links[request.peer] else { return true }
    switch request.direction {
    case .send: return request.number < link.sentCount
    case .receive: return request.number < link.receivedCount
    }
  }

  var awaitedPeers: [Int] { links.indices.filter { links[$0]?.awaitsInput ?? false } }
}
