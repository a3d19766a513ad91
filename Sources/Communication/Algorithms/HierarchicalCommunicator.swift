import DeepEPElements
import Glibc

/// A rank of a group on several hosts, with the same number of ranks on each.
///
/// What ranks of one host have in common is done within the host first, so that fewer bytes go between them; see
/// ``CollectiveAlgorithm/hierarchical``. All operations begin with a meeting of the ranks of each host,
/// which compare what they call; the ranks of different hosts compare it by their messages.
// Its state is touched by one thread at a time: that which uses the communicator.
final class HierarchicalCommunicator: @unchecked Sendable {
  /// All ranks, by messages.
  let world: MessageCommunicator
  let layout: HostLayout
  /// The ranks of this host, for groups and messages.
  private let local: any Communicator
  /// The same ranks, for parts of operations.
  let host: any Communicator
  /// The ranks of all hosts that have the same place on their host.
  let across: MessageCommunicator
  /// The ranks of ``across`` in the order of the hosts.
  let order: [Int]
  /// Pieces of sums on their way between the hosts.
  let slots: [CrossHostPiece]
  /// Pieces of other operations on their way; the last one is for what is put together from them.
  let pieces: [StagingMemory]
  /// Numbers as they travel between hosts: two pieces that go out, two that come in, and what one of those says.
  let encoded = (0..<5).map { _ in StagingMemory() }
  /// Where the ranks of the host read what a rank has put in order for them.
  let packed: StagingMemory

  /// Makes the communicator of all ranks of a group.
  ///
  /// - Parameters:
  ///   - world: the ranks of the group.
  ///   - local: those of them on this host, in their order.
  init(_ world: MessageCommunicator, _ layout: HostLayout, local: any Communicator) throws {
    (self.world, self.layout, self.local) = (world, layout, local)
    let counterparts = layout.counterparts
    let members = counterparts.sorted()
    across = try MessageCommunicator(
      world.control, world.fabric, members: members.map { world.members[$0] },
      options: world.options, log: CommunicationLog(capacity: 1))
    order = counterparts.compactMap { members.firstIndex(of: $0) }
    // Messages go on while ranks of the host are waited for, for which other hosts may wait.
    let channel = across.channel
    host =
      try (local as? any InnerGroups)?.inner { try channel.progress() }
      ?? local.group(Array(0..<local.rankCount))
    let inner = host
    slots = (0..<3).map { [across, order] _ in
      CrossHostPiece(across, order: order, host: inner)
    }
    pieces = (0..<4).map { _ in StagingMemory(of: inner) }
    packed = StagingMemory(of: inner)
  }

  /// Whether there are several hosts with the same number of ranks.
  static func fits(_ layout: HostLayout) -> Bool { layout.hosts.count > 1 && layout.isEven }

  // MARK: Operations

  /// Does this rank's part of an operation.
  ///
  /// - Parameter part: gets the label of its messages between the hosts.
  func perform(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer = .init(start: nil, count: 0),
    _ destination: UnsafeMutableRawBufferPointer = .init(start: nil, count: 0),
    part: (MessageTag) throws -> Void
  ) throws {
    try world.perform(call, source, destination) { tag in
      across.arrival = (across.rank, 0)
      do {
        try meetHost(tag, call)
        try part(tag)
      } catch let failure as MessageFailure {
        across.channel.cancel()
        throw across.named(failure, call)
      }
      // Who comes last is on this host or on another one.
      guard across.arrival.seconds > world.arrival.seconds else { return }
      world.arrival = (
        layout.counterparts.sorted()[across.arrival.peer], across.arrival.seconds
      )
    }
  }

  /// Meets the other ranks of the host, and compares what they call.
  private func meetHost(_ tag: MessageTag, _ call: CollectiveCall) throws {
    guard host.rankCount > 1 else { return }
    let own = [tag.bits, UInt64(clamping: call.byteCount), FlightRecorder.now]
    var all = [UInt64](repeating: 0, count: own.count * host.rankCount)
    try own.withUnsafeBytes { source in
      try all.withUnsafeMutableBytes {
        try host.allGather(source, into: $0, outerCount: 1)
      }
    }
    for place in 0..<host.rankCount {
      let words = all[place * own.count..<(place + 1) * own.count]
      let peer = layout.hosts[layout.host][place]
      let headers = [own, Array(words)].map {
        MessageHeader(tag: MessageTag(bits: $0[0]), payloadCount: Int(clamping: $0[1]))
      }
      guard headers[0] == headers[1] else {
        throw world.named(
          MessageFailure.mismatch(peer: peer, expected: headers[0], found: headers[1]), call)
      }
      let seconds = Double(words[words.startIndex + 2]) * 1e-9
      if seconds > world.arrival.seconds { world.arrival = (peer, seconds) }
    }
  }

  /// Which way an operation goes.
  func isHierarchical(_ collective: TunedCollective, byteCount: Int) -> Bool {
    world.options.algorithms.algorithm(
      for: collective, byteCount: byteCount, hostCount: layout.hosts.count, rankCount: rankCount)
      == .hierarchical
  }

  /// How many bytes of each rank's part go at a time.
  func pieceBytes(_ partCount: Int) -> Int {
    max(1, world.options.pieceBytes / max(1, partCount))
  }
}

// MARK: Communicator

extension HierarchicalCommunicator: Communicator {
  var rank: Int { world.rank }
  var rankCount: Int { world.rankCount }
  var log: CommunicationLog? { world.log }

  var sharesMemory: Bool { host.sharesMemory }

  func allocate(byteCount: Int) throws -> CommunicationBuffer {
    try host.allocate(byteCount: byteCount)
  }

  /// Groups on one host need no messages, those on several are hierarchical again if they can be.
  func group(_ ranks: [Int]) throws -> any Communicator {
    _ = try checkGroup(ranks, at: world.place)
    let part = HostLayout(ranks.map { world.members[$0] }, in: world.control.membership)
    let own = part.hosts[part.host].map { layout.location(of: ranks[$0]).place }
    if part.hosts.count == 1 { return try local.group(own) }
    let flat = try world.subgroup(ranks)
    guard Self.fits(part) else { return flat }
    return try HierarchicalCommunicator(flat, part, local: local.group(own))
  }

  func barrier() throws { try perform(world.nextCall(.barrier)) { try across.meet($0) } }

  func send(_ source: UnsafeRawBufferPointer, to rank: Int) throws {
    guard let place = localPlace(of: rank) else { return try world.send(source, to: rank) }
    try local.send(source, to: place)
  }

  func receive(into destination: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    guard let place = localPlace(of: rank) else {
      return try world.receive(into: destination, from: rank)
    }
    try local.receive(into: destination, from: place)
  }

  /// The place of another rank on this host; nil if it runs elsewhere, or is no other rank.
  private func localPlace(of rank: Int) -> Int? {
    rank == self.rank ? nil : layout.hosts[layout.host].firstIndex(of: rank)
  }

  func fail(_ reason: String) { world.fail(reason) }
}

extension HierarchicalCommunicator: CountsMessages {
  var sentBytes: [Int] {
    var counts = world.sentBytes
    for (member, count) in zip(layout.counterparts.sorted(), across.sentBytes) {
      counts[member] += count
    }
    return counts
  }
}
