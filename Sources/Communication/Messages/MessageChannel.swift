/// Plain labelled messages between the ranks of one group: all that algorithms between hosts need.
///
/// Sending and receiving are posted, and go on whenever ``progress()`` is called. Messages from one rank to another
/// arrive in the order in which they were posted, and are taken in the order in which receives are
/// posted; labels and sizes of both sides are compared. Sockets, MPI (a communicator of
/// its own, any tag) and UCX (worker progress, a tag mask for the group) can all provide this.
///
/// A channel belongs to one thread at a time. Memory that was posted must stay until the request is done
/// or everything is cancelled.
protocol MessageChannel: AnyObject, Sendable {
  /// Posts bytes for another rank of the group.
  func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, tag: MessageTag) -> MessageRequest

  /// Posts memory for the next message of another rank of the group, which must have this label and
  /// exactly this size.
  func receive(
    into bytes: UnsafeMutableRawBufferPointer, from peer: Int, tag: MessageTag
  ) -> MessageRequest

  /// Whether the bytes of a receive are there, or those of a send are not needed any more.
  func isDone(_ request: MessageRequest) -> Bool

  /// Moves what can be moved without waiting.
  ///
  /// - Returns: whether anything moved.
  /// - Throws: ``MessageFailure``.
  func progress() throws -> Bool

  /// Sleeps until something can move, something wakes the channel, or the time is over.
  func sleep(milliseconds: Int)

  /// Looks after connections on which nothing moves.
  ///
  /// - Returns: whether something that was sent is still on its way, as far as the transport can tell.
  /// - Throws: ``MessageFailure`` if a rank cannot be reached any more.
  func look() throws -> Bool

  /// The ranks whose messages are waited for.
  var awaitedPeers: [Int] { get }

  /// Forgets all requests that are not done. The channel can only be thrown away afterwards.
  func cancel()

  /// How many bytes were posted for each rank, without what the transport adds to them.
  var postedBytes: [Int] { get }
}

/// What was posted: how many messages were posted before it in its direction.
struct MessageRequest: Hashable, Sendable {
  enum Direction: Hashable, Sendable {
    case send, receive
  }

  let peer: Int
  let direction: Direction
  let number: Int
}

/// Why messages cannot go on.
enum MessageFailure: Error, Hashable {
  /// The next message of a rank is not the one that was expected.
  case mismatch(peer: Int, expected: MessageHeader, found: MessageHeader)
  /// The connection to a rank is over.
  case closed(peer: Int, reason: String)
  /// Ranks have ended in good order, and their messages will not come.
  case left(peers: [Int])
  /// Messages of ranks have not come in time.
  case late(peers: [Int])
}

/// What precedes the bytes of a message.
struct MessageHeader: Hashable, Sendable {
  static var byteCount: Int { 16 }

  var tag: MessageTag
  /// The number of bytes that follow.
  var payloadCount: Int

  init(tag: MessageTag, payloadCount: Int) {
    (self.tag, self.payloadCount) = (tag, payloadCount)
  }

  /// Reads a header from bytes that came from outside; compare it before believing it.
  init(_ bytes: UnsafeRawBufferPointer) {
    tag = MessageTag(bits: UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)))
    let count = UInt64(
      littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    payloadCount = Int(clamping: count)
  }

  /// Writes the header as its bytes.
  func write(to bytes: UnsafeMutableRawBufferPointer) {
    bytes.storeBytes(of: tag.bits.littleEndian, as: UInt64.self)
    bytes.storeBytes(
      of: UInt64(clamping: payloadCount).littleEndian, toByteOffset: 8, as: UInt64.self)
  }
}

/// Makes the channels of the groups of a job.
protocol MessageFabric: Sendable {
  /// Makes the channel of some ranks, all of which make it.
  ///
  /// - Parameter members: numbers of the job, ascending, this rank's among them.
  func channel(_ control: any JobControl, among members: [Int]) throws -> any MessageChannel
}

extension UnsafeRawBufferPointer {
  /// Some of the bytes.
  func part(_ offset: Int, _ count: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: self[offset..<offset + count])
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Some of the bytes.
  func part(_ offset: Int, _ count: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: self[offset..<offset + count])
  }
}
