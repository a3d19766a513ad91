import DeepEPElements

/// Blocks of all ranks that are summed with fewer bits between the hosts: each rank rounds what its host makes of the
/// blocks of its counterparts.
extension HierarchicalCommunicator {
  func reduceScatter(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    reduction: CollectiveReduction, outerCount: Int, wire: WireFormat,
    residual: UnsafeMutableRawBufferPointer?
  ) throws {
    guard wire != .exact else {
      return try reduceScatter(
        source, into: destination, element: .float32, reduction: reduction,
        outerCount: outerCount)
    }
    try residual.map { try check($0, for: source, reduction) }
    var call = world.nextCall(.reduceScatter, byteCount: source.count)
    (call.element, call.reduction, call.outerCount) = (.float32, reduction, outerCount)
    call.wire = wire
    let work = CompressedBlocks(
      partial: PartialReduction(element: .float32, reduction: reduction), wire: wire,
      places: BlockPlaces(
        outerCount: outerCount, rankCount: rankCount, blockCount: destination.count / 4),
      residual: residual?.assumingMemoryBound(to: Float.self))
    try perform(call, source, destination) { try sum(work, source, into: destination, $0) }
  }

  private func sum(
    _ work: CompressedBlocks, _ source: UnsafeRawBufferPointer,
    into destination: UnsafeMutableRawBufferPointer, _ tag: MessageTag
  ) throws {
    var requests: [[MessageRequest]] = [[], []]
    try inPieces(
      of: destination.count / 4, size: pieceBytes(rankCount * 4),
      begin: { range, turn in
        let sums = try scatter(
          work.partial, source, work.places, range, into: pieces[turn % 2])
        requests[turn % 2] = try give(work, sums, range, turn, tag.step(turn))
      },
      end: { range, turn in
        try across.wait(for: requests[turn % 2], isMeeting: turn == 0)
        try decode(work.wire, range.count, turn)
        try combine(
          work.partial, range.count, pieces[turn % 2], encoded[4],
          into: destination.part(range.lowerBound * 4, range.count * 4))
      })
  }

  /// Posts what this host makes of its counterparts' elements, rounded, and what they make of this rank's.
  private func give(
    _ work: CompressedBlocks, _ sums: UnsafeMutableRawBufferPointer, _ range: Range<Int>,
    _ turn: Int, _ tag: MessageTag
  ) throws -> [MessageRequest] {
    let (part, size) = (range.count * 4, work.wire.byteCount(range.count))
    let outgoing = try encoded[turn % 2].take(order.count * size)
    let incoming = try encoded[2 + turn % 2].take(order.count * size)
    let place = layout.location(of: rank).place
    for (host, ranks) in layout.hosts.enumerated() where host != layout.host {
      work.encode(
        sums.part(host * part, part), range, of: ranks[place],
        into: outgoing.part(host * size, size))
    }
    return post(
      { UnsafeRawBufferPointer(outgoing).part($0 * size, size) },
      { incoming.part($0 * size, size) }, tag)
  }

  private func decode(_ wire: WireFormat, _ count: Int, _ turn: Int) throws {
    let size = wire.byteCount(count)
    let incoming = try encoded[2 + turn % 2].take(order.count * size)
    let numbers = try encoded[4].take(order.count * count * 4)
    for host in order.indices where host != layout.host {
      wire.decode(
        UnsafeRawBufferPointer(incoming.part(host * size, size)),
        into: numbers.part(host * count * 4, count * 4))
    }
  }
}

/// A sum of blocks of float32 numbers, and how they are rounded.
private struct CompressedBlocks {
  let partial: PartialReduction
  let wire: WireFormat
  let places: BlockPlaces
  /// What was lost of all blocks.
  let residual: UnsafeMutableBufferPointer<Float>?

  /// Encodes some elements of a rank's block with what was lost of them before, and keeps what is lost now.
  func encode(
    _ numbers: UnsafeMutableRawBufferPointer, _ range: Range<Int>, of rank: Int,
    into bytes: UnsafeMutableRawBufferPointer
  ) {
    guard let residual, let lost = residual.baseAddress, !range.isEmpty else {
      return wire.encode(numbers, into: bytes, residual: nil)
    }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count) { own in
      guard let start = own.baseAddress else { return }
      places.forEachRun(of: range, rank: rank) { run in
        (start + run.offset).update(from: lost + run.place, count: run.count)
      }
      wire.encode(numbers, into: bytes, residual: own)
      places.forEachRun(of: range, rank: rank) { run in
        (lost + run.place).update(from: start + run.offset, count: run.count)
      }
    }
  }
}
