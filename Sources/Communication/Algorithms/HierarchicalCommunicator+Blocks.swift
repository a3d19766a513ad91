import DeepEPElements

/// Operations on blocks of all ranks. While the ranks of a host work at one piece, another one is between the hosts.
extension HierarchicalCommunicator {
  /// Calls `begin` and, a turn later, `end` with each piece of `count` things.
  func inPieces(
    of count: Int, size: Int, begin: (Range<Int>, Int) throws -> Void,
    end: (Range<Int>, Int) throws -> Void
  ) rethrows {
    let pieceCount = max(1, (count + size - 1) / size)
    let range = { (piece: Int) in piece * size..<min(count, (piece + 1) * size) }
    for turn in 0...pieceCount {
      if turn < pieceCount { try begin(range(turn), turn) }
      if turn > 0 { try end(range(turn - 1), turn - 1) }
    }
  }

  /// Posts what goes to the other hosts and what comes from there; both are parts by host.
  func post(
    _ outgoing: (Int) -> UnsafeRawBufferPointer, _ incoming: (Int) -> UnsafeMutableRawBufferPointer,
    _ tag: MessageTag
  ) -> [MessageRequest] {
    // Beginning with the next one, so that not all send to the same host first.
    (1..<max(1, order.count)).flatMap { distance in
      let host = (layout.host + distance) % order.count
      return [
        across.channel.receive(into: incoming(host), from: order[host], tag: tag),
        across.channel.send(outgoing(host), to: order[host], tag: tag),
      ]
    }
  }

  // MARK: Reduce-scatter

  func reduceScatter(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction, outerCount: Int
  ) throws {
    guard isHierarchical(.reduceScatter, byteCount: source.count) else {
      return try world.reduceScatter(
        source, into: destination, element: element, reduction: reduction, outerCount: outerCount)
    }
    var call = world.nextCall(.reduceScatter, byteCount: source.count)
    (call.element, call.reduction, call.outerCount) = (element, reduction, outerCount)
    let partial = PartialReduction(element: element, reduction: reduction)
    let count = destination.count / element.byteCount
    let places = BlockPlaces(outerCount: outerCount, rankCount: rankCount, blockCount: count)
    try perform(call, source, destination) { tag in
      var requests: [[MessageRequest]] = [[], []]
      try inPieces(
        of: count, size: pieceBytes(rankCount * element.byteCount),
        begin: { range, turn in
          let sums = try scatter(partial, source, places, range, into: pieces[turn % 2])
          let incoming = try pieces[2 + turn % 2].take(sums.count)
          let part = sums.count / order.count
          requests[turn % 2] = post(
            { UnsafeRawBufferPointer(sums).part($0 * part, part) },
            { incoming.part($0 * part, part) }, tag.step(turn))
        },
        end: { range, turn in
          try across.wait(for: requests[turn % 2], isMeeting: turn == 0)
          try combine(
            partial, range.count, pieces[turn % 2], pieces[2 + turn % 2],
            into: destination.part(
              range.lowerBound * element.byteCount, range.count * element.byteCount))
        })
    }
  }

  /// Combines some elements of all blocks within the host; this rank gets those of its counterparts, by host.
  func scatter(
    _ partial: PartialReduction, _ source: UnsafeRawBufferPointer, _ places: BlockPlaces,
    _ range: Range<Int>, into memory: StagingMemory
  ) throws -> UnsafeMutableRawBufferPointer {
    let (width, wide) = (partial.element.byteCount, partial.wide.byteCount)
    let target = try packed.take(rankCount * range.count * wide)
    for (host, ranks) in layout.hosts.enumerated() {
      for (place, rank) in ranks.enumerated() {
        let start = (place * order.count + host) * range.count
        places.forEachRun(of: range, rank: rank) { run in
          guard let from = source.baseAddress, let to = target.baseAddress else { return }
          partial.load(
            from + run.place * width, count: run.count, into: to + (start + run.offset) * wide)
        }
      }
    }
    let sums = try memory.take(order.count * range.count * wide)
    let incomplete = partial.incomplete
    try host.reduceScatter(
      UnsafeRawBufferPointer(target), into: sums, element: incomplete.element,
      reduction: incomplete.reduction, outerCount: 1)
    return sums
  }

  /// Combines this rank's elements of all hosts in their order.
  func combine(
    _ partial: PartialReduction, _ count: Int, _ sums: StagingMemory, _ incoming: StagingMemory,
    into destination: UnsafeMutableRawBufferPointer
  ) throws {
    let part = count * partial.wide.byteCount
    let (own, others) = (try sums.take(order.count * part), try incoming.take(order.count * part))
    guard count > 0, let sum = own.part(layout.host * part, part).baseAddress,
      let other = others.baseAddress, let target = destination.baseAddress
    else { return }
    let sources = order.indices.map {
      UnsafeRawPointer($0 == layout.host ? sum : other + $0 * part)
    }
    partial.incomplete.apply(sources, from: 0, into: [sum], at: 0, count: count)
    partial.store(sum, count: count, rankCount: rankCount, into: target)
  }

  // MARK: All-gather

  func allGather(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    outerCount: Int
  ) throws {
    guard isHierarchical(.allGather, byteCount: source.count) else {
      return try world.allGather(source, into: destination, outerCount: outerCount)
    }
    var call = world.nextCall(.allGather, byteCount: source.count)
    call.outerCount = outerCount
    let places = BlockPlaces(
      outerCount: outerCount, rankCount: rankCount, blockCount: source.count)
    try perform(call, source, destination) { tag in
      var requests: [[MessageRequest]] = [[], []]
      try inPieces(
        of: source.count, size: pieceBytes(rankCount),
        begin: { range, turn in
          let own = source.part(range.lowerBound, range.count)
          let slot = try pieces[turn % 2].take(order.count * range.count)
          slot.part(layout.host * range.count, range.count).copyMemory(from: own)
          requests[turn % 2] = post(
            { _ in own }, { slot.part($0 * range.count, range.count) }, tag.step(turn))
        },
        end: { range, turn in
          try across.wait(for: requests[turn % 2], isMeeting: turn == 0)
          try gather(range, pieces[turn % 2], places, into: destination)
        })
    }
  }

  /// Puts together what the ranks of the host have of all hosts.
  private func gather(
    _ range: Range<Int>, _ slot: StagingMemory, _ places: BlockPlaces,
    into destination: UnsafeMutableRawBufferPointer
  ) throws {
    let source = try slot.take(order.count * range.count)
    let all = try pieces[2].take(rankCount * range.count)
    try host.allGather(UnsafeRawBufferPointer(source), into: all, outerCount: 1)
    for (host, ranks) in layout.hosts.enumerated() {
      for (place, rank) in ranks.enumerated() {
        let start = (place * order.count + host) * range.count
        places.forEachRun(of: range, rank: rank) { run in
          destination.part(run.place, run.count).copyMemory(
            from: UnsafeRawBufferPointer(all).part(start + run.offset, run.count))
        }
      }
    }
  }
}
