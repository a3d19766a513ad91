import DeepEPElements

/// One rank's end of a group of ranks that exchange bytes.
///
/// An operation is collective: every rank of the group calls it, in the same order, and none
/// returns before its part is done. Operations carry their kind, sizes, element type and a number that counts
/// the operations of the group; the ranks compare them. Where they differ, where a rank does not come
/// within the group's time limit, or where a rank gives up, all ranks of the whole job get a
/// ``CommunicationError``, from this operation and from all later ones.
///
/// Reductions combine the elements in the order of the ranks, from 0 up, so results have the same bits on
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

  /// Copies the bytes of rank `root` to all others.
  func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws

  /// Returns when all ranks have called it.
  func barrier() throws

  /// Gives up: pending and later operations of all ranks, in all groups, throw an error with this
  /// rank's number in the whole job and the reason.
  func fail(_ reason: String)
}
