import DeepEPElements
import DeepEPEvents
import Synchronization

/// A rank of a group whose ranks share memory.
///
/// Small operations are eager: each rank copies its bytes to where all read them, and they meet once. Others
/// are direct: each rank does its part in the memory of all, between two meetings; every byte
/// is read once and written once. If buffers are private and not small, all ranks go by pieces
/// through memory that is shared.
// Its counters are touched by one thread at a time; all else is constant or guarded by meetings.
final class SharedMemoryCommunicator: @unchecked Sendable {
  let rank: Int
  let arena: SharedArena
  let meeting: GroupMeeting
  /// The ranks of the group in the arena.
  let indices: [Int]
  let operations: CommunicationLog
  var channels: [[Int]: SharedMemoryCommunicator] = [:]
  /// The eager bytes of all ranks, for even and odd operations.
  let eager: (PeerAddresses, PeerAddresses)
  /// The buffers of all ranks in the operation that goes on.
  let addresses: PeerAddresses
  let number: Int
  var queue = 0
  private var callCount = 0
  private var stagingRange: Range<Int>?
  /// Where the block lies, if this rank has given its memory.
  private let blockRange: Range<Int>?

  var members: [Int] { meeting.members }
  var rankCount: Int { indices.count }
  var parity: Int { callCount & 1 }
  var place: String { meeting.place }

  /// Makes the communicator of some ranks of an arena, all of which make it.
  ///
  /// - Parameters:
  ///   - members: numbers of the job; the first one gives the memory in which they meet.
  ///   - name: tells apart what is made of the same ranks.
  ///   - isWorld: whether it is the first of the arena.
  ///   - beside: what the rank does while it waits, if its operations are parts of others.
  init(
    _ arena: SharedArena, members: [Int], name: String, isWorld: Bool = false,
    log: CommunicationLog, beside: (() throws -> Bool)? = nil
  ) throws {
    let (control, count) = (arena.control, members.count)
    let eagerBytes = Self.eagerBytes(arena.options)
    let byteCount = GroupBlock.byteCount(rankCount: count, eagerBytes: eagerBytes)
    rank = members.firstIndex(of: control.rank) ?? 0
    indices = try Self.indices(of: members, in: arena)
    blockRange = rank == 0 ? try arena.take(byteCount) : nil
    let start = blockRange?.lowerBound ?? 0
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: start >> (8 * $0)) }
    let sorted = members.sorted()
    let all = try control.exchange(bytes, as: name, among: sorted)
    let first = all[sorted.firstIndex(of: members[0]) ?? 0]
    let place = first.enumerated().reduce(0) { $0 | Int($1.element) << (8 * ($1.offset & 7)) }
    let block = GroupBlock(
      try arena.address(indices[0], place: place, byteCount: byteCount), rankCount: count,
      eagerBytes: eagerBytes)
    (self.arena, operations, number) = (arena, log, isWorld ? 0 : place / 64)
    meeting = GroupMeeting(arena, block, members: members, rank: rank, beside: beside)
    eager = (Self.eager(block, count, parity: 0), Self.eager(block, count, parity: 1))
    addresses = PeerAddresses(rankCount: count, at: block.eager(rank, parity: 0))
  }

  /// The bytes for a small operation in a slot.
  static func eagerBytes(_ options: SharedMemoryOptions) -> Int {
    (options.eagerBytes + 63) / 64 * 64
  }

  private static func eager(_ block: GroupBlock, _ count: Int, parity: Int) -> PeerAddresses {
    let addresses = PeerAddresses(rankCount: count, at: block.eager(0, parity: parity))
    for rank in 0..<count { addresses.setSource(rank, block.eager(rank, parity: parity)) }
    return addresses
  }

  private static func indices(of members: [Int], in arena: SharedArena) throws -> [Int] {
    try members.map { member in
      guard let index = arena.ranks.firstIndex(of: member) else {
        throw CommunicationError(
          "\(arena.control.membership.name(of: member)) runs on another host",
          at: "shared memory", fix: "choose a communication that reaches other hosts")
      }
      return index
    }
  }

  deinit {
    if let stagingRange { arena.give(stagingRange) }
    arena.leave(meeting.block, range: blockRange)
  }
}

// MARK: Operations

extension SharedMemoryCommunicator {
  /// How the ranks reach one another's bytes in an operation.
  enum Way {
    /// All bytes have been copied to where everybody reads them.
    case eager
    /// Some have, others are read where they lie; each rank combines all by itself.
    case pulled
    /// Each rank works in the memory of all.
    case direct
    /// By pieces, through shared memory.
    case staged
  }

  /// Which of its buffers a rank lets the others use.
  struct Needs: OptionSet {
    let rawValue: Int
    static let source = Needs(rawValue: 1)
    static let destination = Needs(rawValue: 2)
  }

  func nextCall(_ kind: CollectiveCall.Kind, byteCount: Int = 0) -> CollectiveCall {
    callCount += 1
    return CollectiveCall(kind: kind, sequenceNumber: callCount - 1, byteCount: byteCount)
  }

  /// Meets the other ranks, compares what they call, and does this rank's part.
  func perform(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer = .init(start: nil, count: 0),
    _ destination: UnsafeMutableRawBufferPointer = .init(start: nil, count: 0),
    needs: Needs = [], counts: BlockCounts? = nil, part: (Way) throws -> Void = { _ in }
  ) throws {
    try call.check(source, destination, rankCount: rankCount, place: place)
    if let failure = arena.control.failure { throw failure }
    let start = FlightRecorder.now
    let isPart = meeting.beside != nil
    let token = isPart ? nil : arena.control.recorder.begin(call, group: number, at: start)
    do {
      try publish(call, source, destination, needs, counts, start)
      try meeting.meet(for: call)
      let last = try compare(call)
      let way = self.way(call)
      try part(way)
      // Until all have done their part, they use this rank's memory.
      if way == .direct || way == .staged, rankCount > 1 { try meeting.meet(for: call) }
      let end = FlightRecorder.now
      if let token { arena.control.recorder.end(token, at: end) }
      note(call, start, last, end)
    } catch let error as CommunicationError {
      throw arena.control.fail(error)
    }
  }

  private func isSmall(_ call: CollectiveCall) -> Bool {
    call.kind != .unevenAllToAll && call.byteCount <= arena.options.eagerBytes
  }

  /// All ranks find the same: it depends on what they have compared, and on what all of them said.
  private func way(_ call: CollectiveCall) -> Way {
    if call.byteCount == 0, call.kind != .unevenAllToAll { return .eager }
    if rankCount == 1 { return .direct }
    var (isCopied, isInPlace, areDestinationsShared) = (false, false, true)
    for peer in indices.indices {
      let shared = self.call(of: peer).pointee
      if shared.destination == SharedCall.nowhere { areDestinationsShared = false }
      // What other ranks have than the one that all read is nobody's business.
      if let root = call.root, peer != root { continue }
      switch shared.source {
      case SharedCall.nowhere: return .staged
      case SharedCall.copied: isCopied = true
      default: isInPlace = true
      }
    }
    if !isInPlace { return .eager }
    guard call.kind == .allReduce, isCopied || !areDestinationsShared else { return .direct }
    return isSmall(call) ? .pulled : .staged
  }

  private func publish(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer, _ needs: Needs, _ counts: BlockCounts?,
    _ start: UInt64
  ) throws {
    var shared = SharedCall(call)
    shared.arrival = start
    if needs.contains(.source) { shared.source = arena.place(of: source) ?? SharedCall.nowhere }
    if needs.contains(.destination) {
      shared.destination =
        arena.place(of: UnsafeRawBufferPointer(destination)) ?? SharedCall.nowhere
    }
    if isSmall(call) {
      if needs.contains(.source) { copyIfEager(source, &shared, needs) }
    } else if rankCount > 1 {
      shared.staging = try staging().lowerBound
    }
    if let counts {
      let words = meeting.block.counts(rank, parity: parity)
      words.update(from: counts.source, count: rankCount)
      (words + rankCount).update(from: counts.destination, count: rankCount)
    }
    meeting.block.call(rank, parity: parity).pointee = shared
  }

  /// Copies a small source to where all ranks read it, unless working in place is faster.
  private func copyIfEager(
    _ source: UnsafeRawBufferPointer, _ shared: inout SharedCall, _ needs: Needs
  ) {
    let isPrivate =
      shared.source == SharedCall.nowhere
      || needs.contains(.destination) && shared.destination == SharedCall.nowhere
    let isWorthwhile =
      isPrivate || arena.isCrowded || source.count <= arena.options.alwaysEagerBytes
    guard isWorthwhile, rankCount > 1, let bytes = source.baseAddress else { return }
    meeting.block.eager(rank, parity: parity).copyMemory(from: bytes, byteCount: source.count)
    shared.source = SharedCall.copied
  }

  func call(of peer: Int) -> UnsafeMutablePointer<SharedCall> {
    meeting.block.call(peer, parity: parity)
  }

  /// The two halves in which this rank puts pieces of private buffers.
  private func staging() throws -> Range<Int> {
    if let stagingRange { return stagingRange }
    let range = try arena.take(2 * arena.options.pieceBytes)
    stagingRange = range
    return range
  }

  /// Compares the calls of all ranks, and returns the rank that came last.
  private func compare(_ call: CollectiveCall) throws -> Int {
    let own = self.call(of: rank).pointee
    var (last, lastArrival) = (rank, own.arrival)
    for peer in indices.indices where peer != rank {
      let other = self.call(of: peer).pointee
      guard other.matches(own) else { throw arena.control.fail(outOfStep()) }
      if other.arrival > lastArrival { (last, lastArrival) = (peer, other.arrival) }
    }
    return last
  }

  private func outOfStep() -> CommunicationError {
    let calls = indices.indices.map { (members[$0], call(of: $0).pointee.call) }
    let kinds = Dictionary(grouping: calls, by: \.1).mapValues { $0.map(\.0) }
    let texts = kinds.sorted { $0.value[0] < $1.value[0] }.map { call, ranks in
      "\(ranks.namedRanks): \(call.text)"
    }
    return CommunicationError(
      "the ranks are out of step: \(texts.joined(separator: "; "))", at: place,
      fix: "all ranks of a group call the same operations in the same order, with equal sizes")
  }

  private func note(_ call: CollectiveCall, _ start: UInt64, _ last: Int, _ end: UInt64) {
    let arrival = self.call(of: last).pointee.arrival
    operations.record(
      CommunicationEvent(
        call, ranks: members, queue: queue, startSeconds: Double(start) * 1e-9,
        arrivalSeconds: Double(arrival) * 1e-9, endSeconds: Double(end) * 1e-9,
        lastRank: members[last]))
  }
}
