import DeepEPElements

/// A rank of a job on several hosts, with the same number of ranks on each.
///
/// Large sums are combined within the hosts first, so that fewer bytes go between them; see
/// ``AllReduceAlgorithm/hierarchical``. All else goes by messages between all ranks.
// Its state is touched by one thread at a time: that which uses the communicator.
final class HierarchicalCommunicator: @unchecked Sendable {
  /// All ranks.
  let world: MessageCommunicator
  /// The ranks of this host.
  private let host: any Communicator
  /// The ranks of all hosts that have the same place on their host.
  private let across: MessageCommunicator
  private let packed = StagingMemory()
  private let gathered = StagingMemory()

  /// Makes the communicator of all ranks of a work.
  ///
  /// - Parameters:
  ///   - world: all ranks, in the order of the work.
  ///   - host: the ranks of this host, in their order.
  init(_ world: MessageCommunicator, host: any Communicator) throws {
    (self.world, self.host) = (world, host)
    let members = world.control.membership.hosts.map { $0[host.rank] }
    across = try MessageCommunicator(
      world.control, world.fabric, members: members.sorted(), options: world.options,
      log: world.operations)
  }

  /// Whether the hosts of a job have the same number of ranks, and there are several.
  static func fits(_ membership: Membership) -> Bool {
    let counts = Set(membership.hosts.map(\.count))
    return membership.hosts.count > 1 && counts.count == 1
  }
}

// MARK: All-reduce

extension HierarchicalCommunicator {
  private struct Work {
    var source: UnsafeRawBufferPointer
    var destination: UnsafeMutableRawBufferPointer
    var partial: PartialReduction
    var wire: WireFormat
    var residual: UnsafeMutableBufferPointer<Float>?
    /// How many elements a piece has.
    var pieceCount: Int

    var elementBytes: Int { partial.element.byteCount }
    var count: Int { source.count / elementBytes }

    func piece(_ index: Int) -> Range<Int> {
      index * pieceCount..<min(count, (index + 1) * pieceCount)
    }
  }

  private func sum(_ work: Work) throws {
    var call = world.nextCall(.allReduce, byteCount: work.source.count)
    (call.element, call.reduction) = (work.partial.element, work.partial.reduction)
    try world.perform(call, work.source, work.destination) { tag in
      // Compares the calls of all ranks: what follows only meets those of the host, and one of each other.
      try world.meet(tag)
      var own = across.nextCall(.allReduce, byteCount: work.source.count)
      (own.element, own.reduction) = (call.element, call.reduction)
      try across.perform(own, work.source, work.destination) { try sum(work, $0) }
    }
  }

  /// Three phases, each of which is at another piece.
  private func sum(_ work: Work, _ tag: MessageTag) throws {
    let pieceCount = (work.count + work.pieceCount - 1) / work.pieceCount
    let slots = (0..<3).map { _ in
      CrossHostPiece(across, work.partial, work.wire, rankCount: world.rankCount)
    }
    for turn in 0..<pieceCount + 2 {
      if turn < pieceCount {
        try scatter(work, work.piece(turn), into: slots[turn % 3], tag.step(2 * turn))
        slots[turn % 3].post()
      }
      if turn >= 1, turn <= pieceCount { try slots[(turn - 1) % 3].combine() }
      if turn >= 2 { try slots[(turn - 2) % 3].finish() }
      for slot in slots { try slot.flush() }
      if turn >= 2 {
        try gather(work, work.piece(turn - 2), from: slots[(turn - 2) % 3])
      }
    }
  }

  /// How many elements of a piece each rank of the host has; the last one may be filled up.
  private func shardCount(_ piece: Range<Int>) -> Int {
    (piece.count + host.rankCount - 1) / host.rankCount
  }

  private func scatter(
    _ work: Work, _ piece: Range<Int>, into slot: CrossHostPiece, _ tag: MessageTag
  ) throws {
    let count = shardCount(piece)
    let start = min(piece.lowerBound + host.rank * count, piece.upperBound)
    let end = min(start + count, piece.upperBound)
    slot.begin(
      count, tag, work.residual.map { UnsafeMutableBufferPointer(rebasing: $0[start..<end]) })
    let reduction = work.partial.reduction == .mean ? .sum : work.partial.reduction
    try host.reduceScatter(
      whole(work, piece, count * host.rankCount), into: slot.shard, element: work.partial.wide,
      reduction: reduction, outerCount: 1)
  }

  /// The elements of a piece in the type of incomplete results, and zeros behind them.
  private func whole(
    _ work: Work, _ piece: Range<Int>, _ count: Int
  ) -> UnsafeRawBufferPointer {
    let bytes = work.source.part(
      piece.lowerBound * work.elementBytes, piece.count * work.elementBytes)
    if count == piece.count, work.partial.wide == work.partial.element { return bytes }
    let target = packed.take(count * work.partial.wide.byteCount)
    target.initializeMemory(as: UInt8.self, repeating: 0)
    if let from = bytes.baseAddress, let to = target.baseAddress, !piece.isEmpty {
      work.partial.load(from, count: piece.count, into: to)
    }
    return UnsafeRawBufferPointer(target)
  }

  private func gather(_ work: Work, _ piece: Range<Int>, from slot: CrossHostPiece) throws {
    let target = work.destination.part(
      piece.lowerBound * work.elementBytes, piece.count * work.elementBytes)
    let count = shardCount(piece) * host.rankCount
    let result = UnsafeRawBufferPointer(slot.result)
    if count == piece.count { return try host.allGather(result, into: target, outerCount: 1) }
    let all = gathered.take(count * work.elementBytes)
    try host.allGather(result, into: all, outerCount: 1)
    target.copyMemory(from: UnsafeRawBufferPointer(all).part(0, target.count))
  }
}

// MARK: Communicator

extension HierarchicalCommunicator: CompressingCommunicator {
  var rank: Int { world.rank }
  var rankCount: Int { world.rankCount }
  var log: CommunicationLog? { world.log }

  func allocate(byteCount: Int) throws -> CommunicationBuffer {
    try host.allocate(byteCount: byteCount)
  }

  func group(_ ranks: [Int]) throws -> any Communicator { try world.group(ranks) }

  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction
  ) throws {
    let algorithm = world.options.algorithms.algorithm(
      byteCount: source.count, rankCount: rankCount)
    guard algorithm == .hierarchical else {
      return try world.allReduce(
        source, into: destination, element: element, reduction: reduction)
    }
    try sum(work(source, destination, element, reduction, .exact, nil))
  }

  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    reduction: CollectiveReduction, wire: WireFormat, residual: UnsafeMutableRawBufferPointer?
  ) throws {
    guard residual.map({ $0.count == source.count }) ?? true else {
      throw CommunicationError(
        "all-reduce: the residual has \(residual?.count ?? 0) bytes", at: world.place,
        fix: "pass one of \(source.count) bytes")
    }
    guard residual == nil || reduction == .sum || reduction == .mean else {
      throw CommunicationError(
        "all-reduce: nothing is left over of a \(reduction.rawValue)", at: world.place,
        fix: "pass no residual, or sum")
    }
    let numbers = residual.map { $0.assumingMemoryBound(to: Float.self) }
    try sum(work(source, destination, .float32, reduction, wire, numbers))
  }

  private func work(
    _ source: UnsafeRawBufferPointer, _ destination: UnsafeMutableRawBufferPointer,
    _ element: ElementType, _ reduction: CollectiveReduction, _ wire: WireFormat,
    _ residual: UnsafeMutableBufferPointer<Float>?
  ) -> Work {
    Work(
      source: source, destination: destination,
      partial: PartialReduction(element: element, reduction: reduction), wire: wire,
      residual: residual, pieceCount: max(1, world.options.pieceBytes / element.byteCount))
  }

  func allGather(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    outerCount: Int
  ) throws { try world.allGather(source, into: destination, outerCount: outerCount) }

  func reduceScatter(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction, outerCount: Int
  ) throws {
    try world.reduceScatter(
      source, into: destination, element: element, reduction: reduction, outerCount: outerCount)
  }

  func allToAll(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
  ) throws { try world.allToAll(source, into: destination) }

  func allToAll(
    _ source: UnsafeRawBufferPointer, counts sourceCounts: [Int],
    into destination: UnsafeMutableRawBufferPointer, counts destinationCounts: [Int]
  ) throws {
    try world.allToAll(source, counts: sourceCounts, into: destination, counts: destinationCounts)
  }

  func send(_ source: UnsafeRawBufferPointer, to rank: Int) throws {
    try world.send(source, to: rank)
  }

  func receive(into destination: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    try world.receive(into: destination, from: rank)
  }

  func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws {
    try world.broadcast(buffer, root: root)
  }

  func barrier() throws { try world.barrier() }

  func fail(_ reason: String) { world.fail(reason) }
}

extension HierarchicalCommunicator: CountsMessages {
  var sentBytes: [Int] {
    var counts = world.sentBytes
    for (member, count) in zip(across.members, across.sentBytes) { counts[member] += count }
    return counts
  }
}
