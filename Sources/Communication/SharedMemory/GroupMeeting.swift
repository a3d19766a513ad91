import DeepEPEvents
import Glibc
import Synchronization

/// How one rank comes together with the others of a group.
///
/// It looks whether the others have come, first again and again, then between turns of other threads, then it
/// sleeps and is woken. While it waits it looks whether the job has failed, and whether its time is over.
// Its counters are touched by the rank's thread only.
final class GroupMeeting: @unchecked Sendable {
  let arena: SharedArena
  let block: GroupBlock
  /// The ranks of the group, as numbers of the job.
  let members: [Int]
  let rank: Int
  /// What the rank does while it waits; returns whether anything moved.
  let beside: (() throws -> Bool)?
  private var stamp: UInt32 = 0
  private let spinCount: Int

  init(
    _ arena: SharedArena, _ block: GroupBlock, members: [Int], rank: Int,
    beside: (() throws -> Bool)? = nil
  ) {
    (self.arena, self.block, self.members, self.rank) = (arena, block, members, rank)
    self.beside = beside
    // With fewer processors than ranks, the other one may be waiting for this one's processor.
    spinCount = arena.isCrowded ? min(50, arena.options.spinCount) : arena.options.spinCount
  }

  /// Comes, and returns when all have.
  ///
  /// - Parameter call: what the ranks come for, if one does not.
  /// - Throws: the job's failure, which may be that a rank does not come.
  @inline(__always)
  func meet(for call: CollectiveCall) throws {
    stamp &+= 1
    let own = block.stamp(rank)
    // In one order with the sleepers' count: whoever counts itself later sees the stamp.
    own.pointee.store(stamp, ordering: .sequentiallyConsistent)
    if block.sleepers(rank).pointee.load(ordering: .sequentiallyConsistent) > 0 {
      arena.calls.wake(on: own)
    }
    for peer in members.indices where peer != rank {
      if !spin(peer) { try wait(for: peer, call) }
    }
  }

  @inline(__always)
  private func hasCome(_ peer: Int) -> Bool {
    Int32(bitPattern: block.stamp(peer).pointee.load(ordering: .acquiring) &- stamp) >= 0
  }

  @inline(__always)
  private func spin(_ peer: Int) -> Bool {
    for _ in 0..<spinCount where hasCome(peer) { return true }
    return hasCome(peer)
  }

  @inline(never)
  private func wait(for peer: Int, _ call: CollectiveCall) throws {
    for _ in 0..<arena.options.yieldCount {
      if hasCome(peer) { return }
      if let failure = arena.control.failure { throw failure }
      if try beside?() != true { sched_yield() }
    }
    let board = arena.control.recorder.board
    defer { board.goOn() }
    let deadline = Clock.seconds + arena.options.timeLimitSeconds
    while !hasCome(peer) {
      try check(peer, call, deadline)
      if try beside?() == true {
        board.goOn()
        continue
      }
      board.wait(for: missing)
      sleep(until: peer)
    }
  }

  /// The ranks that have not come, as numbers of the job.
  private var missing: [Int] {
    members.indices.filter { $0 != rank && !hasCome($0) }.map { members[$0] }
  }

  private func sleep(until peer: Int) {
    let (stamp, sleepers) = (block.stamp(peer), block.sleepers(peer))
    sleepers.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    let value = stamp.pointee.load(ordering: .sequentiallyConsistent)
    if Int32(bitPattern: value &- self.stamp) < 0 {
      // Not for long: nobody wakes this rank when the job fails, or when it can go on beside.
      arena.calls.sleep(
        on: stamp, while: value, atMostNanoseconds: beside == nil ? 5_000_000 : 200_000)
    }
    sleepers.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }

  private func check(_ peer: Int, _ call: CollectiveCall, _ deadline: Double) throws {
    let control = arena.control
    if let failure = control.failure { throw failure }
    let name = control.membership.name(of: members[peer])
    if control.hasLeft(members[peer]), !hasCome(peer) {
      throw control.fail(
        CommunicationError(
          "\(name) ended and will not come to \(call.text)", at: place,
          fix: "all ranks of a group call the same operations in the same order"))
    }
    guard Clock.seconds > deadline, !hasCome(peer) else { return }
    throw control.fail(
      CommunicationError(
        "\(name) did not come to \(call.text) within \(arena.options.timeLimitSeconds) s",
        at: place,
        fix: "see what it was doing; raise the time limit if it is only slow"))
  }

  /// Where errors happen: this rank and its group.
  var place: String {
    "\(arena.control.membership.name(of: members[rank])), group of \(members.namedRanks)"
  }
}
