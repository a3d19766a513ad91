import DeepEPElements

/// One rank's end of a group of ranks that exchange bytes.
///
/// An operation is collective: every rank of the group calls it, in the same order, and none
/// returns before its part is done. Operations carry their kind, sizes, element type and a number that counts
/// the operations of the group; the ranks compare them. Where they differ, where a rank does not come
/// within the group's time limit, or where a rank gives up, all ranks of the whole job get a
/// ``CommunicationError``, from this operation and from all later ones.
///
/// Reductions combine the elements in the order of the ranks, from 0 up, or where ranks send one another messages
/// in the order of the ``CollectiveAlgorithm`` that is taken for the size, so results have the same bits on
/// all ranks and from run to run. Integers wrap. `float16`, `bfloat16` and the 8-bit floats are
/// combined in float32 and rounded once. For Booleans a sum is "or" and a product is "and".
/// A maximum or minimum with a value that is not a number is not a number.
///
/// Source and destination must not overlap, except that those of an all-reduce may be the same memory.
/// A communicator is used by one thread at a time.
public protocol Communicator: Sendable {
  /// The number of this rank in the group, from zero.
  var rank: Int { get }
  /// The number of ranks in the group.
  var rankCount: Int { get }
  /// Where the operations of this rank are noted, those of its groups included; nil if nobody notes them.
  var log: CommunicationLog? { get }

  /// Whether other ranks reach what ``allocate(byteCount:)`` gives; elsewhere any memory is as good.
  var sharesMemory: Bool { get }

  /// Makes a buffer that lives where the transport wants it: collectives of such buffers need no copies.
  ///
  /// Not collective. The memory is aligned to pages, and goes with the last reference to the buffer. If it is shared,
  /// it is zero at first.
  ///
  /// - Throws: ``CommunicationError`` if there is not as much memory.
  func allocate(byteCount: Int) throws -> CommunicationBuffer

  /// Makes a communicator of some ranks of this group, in which they are numbered from zero.
  ///
  /// Collective over the ranks that are listed: each of them calls it with the same list, and makes
  /// the groups that it shares with another rank in the same order as that one.
  ///
  /// - Parameter ranks: numbers of this group, ascending, this rank's among them.
  func group(_ ranks: [Int]) throws -> any Communicator

  /// Combines the sources of all ranks, element by element; every rank gets the whole result.
  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction) throws

  /// Puts the sources of all ranks side by side.
  ///
  /// The destination is [outer, rank count, inner] from sources of [outer, inner].
  func allGather(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    outerCount: Int) throws

  /// Combines the sources of all ranks; each rank gets its block of the result.
  ///
  /// The destination is [outer, inner]: block `rank` of the middle dimension of [outer, rank count, inner].
  func reduceScatter(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction, outerCount: Int) throws

  /// Exchanges blocks: block `j` of the destination is block `rank` of the source of rank `j`.
  ///
  /// Source and destination are [rank count, block], with blocks of the same size on all ranks.
  func allToAll(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer) throws

  /// Exchanges blocks whose sizes differ.
  ///
  /// The blocks lie side by side, in the order of the ranks. What rank `i` gives to
  /// rank `j` must be as large as what `j` expects of `i`, which the ranks compare.
  ///
  /// - Parameters:
  ///   - sourceCounts: how many bytes go to each rank.
  ///   - destinationCounts: how many bytes come from each rank.
  func allToAll(
    _ source: UnsafeRawBufferPointer, counts sourceCounts: [Int],
    into destination: UnsafeMutableRawBufferPointer, counts destinationCounts: [Int]) throws

  /// Gives bytes to one rank, which receives as many; returns when it has them.
  ///
  /// Concerns the two ranks only. What one rank sends to another arrives in order. Two ranks that send
  /// to each other at once wait for each other until their time is over: one receives first, or
  /// uses a ``CommunicationQueue``.
  func send(_ source: UnsafeRawBufferPointer, to rank: Int) throws

  /// Gets the bytes that a rank sends.
  func receive(into destination: UnsafeMutableRawBufferPointer, from rank: Int) throws

  /// Copies the bytes of rank `root` to all others.
  func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws

  /// Returns when all ranks have called it.
  func barrier() throws

  /// Gives up: pending and later operations of all ranks, in all groups, throw an error with this
  /// rank's number in the whole job and the reason.
  func fail(_ reason: String)
}

extension Communicator {
  /// Transports note operations if they can.
  public var log: CommunicationLog? { nil }

  /// Transports send bytes unless they can do better.
  public var sharesMemory: Bool { false }

  /// Plain memory, for transports that have no wishes.
  public func allocate(byteCount: Int) throws -> CommunicationBuffer {
    CommunicationBuffer(byteCount: byteCount)
  }

  /// The error of a transport that lacks the operation.
  public func allToAll(
    _ source: UnsafeRawBufferPointer, counts sourceCounts: [Int],
    into destination: UnsafeMutableRawBufferPointer, counts destinationCounts: [Int]
  ) throws { throw lacking("all-to-all with sizes for each rank") }

  /// The error of a transport that lacks the operation.
  public func send(_ source: UnsafeRawBufferPointer, to rank: Int) throws { throw lacking("send") }

  /// The error of a transport that lacks the operation.
  public func receive(into destination: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    throw lacking("receive")
  }

  private func lacking(_ operation: String) -> CommunicationError {
    CommunicationError(
      "this transport has no \(operation)", at: "rank \(rank)", fix: "choose another transport")
  }
}
