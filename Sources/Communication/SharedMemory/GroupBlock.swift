import Synchronization

/// The memory in which the ranks of a group meet.
///
/// Each rank has a slot that only it writes: a stamp that counts the meetings to which it has come, what
/// it calls, and for small operations its bytes. Calls and bytes are there twice, since a rank may be one
/// operation ahead of one that still reads; it is never two ahead.
// Stamps are atomic; all else is written before the writer's stamp changes and read after.
struct GroupBlock: @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  private let rankCount: Int
  private let eagerBytes: Int
  private let countBytes: Int
  private let stride: Int

  /// Describes a block at an address.
  init(_ base: UnsafeMutableRawPointer, rankCount: Int, eagerBytes: Int) {
    (self.base, self.rankCount, self.eagerBytes) = (base, rankCount, eagerBytes)
    countBytes = Self.countBytes(rankCount)
    stride = Self.stride(rankCount, eagerBytes)
  }

  /// The bytes of a block.
  static func byteCount(rankCount: Int, eagerBytes: Int) -> Int {
    rankCount * stride(rankCount, eagerBytes)
  }

  /// Slots begin at pairs of cache lines, which processors fetch together.
  private static func stride(_ rankCount: Int, _ eagerBytes: Int) -> Int {
    let end = 256 + 2 * (countBytes(rankCount) + eagerBytes)
    return (end + 127) / 128 * 128
  }

  private static func countBytes(_ rankCount: Int) -> Int { (16 * rankCount + 63) / 64 * 64 }

  @inline(__always)
  private func slot(_ rank: Int) -> UnsafeMutableRawPointer { base + rank &* stride }

  /// The meetings to which a rank has come, modulo 2³².
  func stamp(_ rank: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    slot(rank).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// How many ranks sleep until the stamp changes.
  func sleepers(_ rank: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (slot(rank) + 64).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// How many ranks use the block no more: in the slot of the first one, all add to it.
  var leaverCount: UnsafeMutablePointer<Atomic<UInt32>> {
    (slot(0) + 72).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  /// Whether all ranks have left it.
  var isUnused: Bool { leaverCount.pointee.load(ordering: .acquiring) >= UInt32(rankCount) }

  /// What a rank calls.
  func call(_ rank: Int, parity: Int) -> UnsafeMutablePointer<SharedCall> {
    (slot(rank) + 128 + parity * SharedCall.byteCount).assumingMemoryBound(to: SharedCall.self)
  }

  /// The sizes of a rank's blocks: what goes to each rank, then what comes from each.
  func counts(_ rank: Int, parity: Int) -> UnsafeMutablePointer<Int> {
    (slot(rank) + 256 + parity * countBytes).assumingMemoryBound(to: Int.self)
  }

  /// The bytes of a rank's small operation.
  func eager(_ rank: Int, parity: Int) -> UnsafeMutableRawPointer {
    slot(rank) + 256 + 2 * countBytes + parity * eagerBytes
  }
}
