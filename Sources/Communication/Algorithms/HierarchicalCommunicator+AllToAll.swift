/// Exchanges of blocks: each with its owner at once, or all with the counterparts on other hosts first.
extension HierarchicalCommunicator {
  func allToAll(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
  ) throws {
    let call = world.nextCall(.allToAll, byteCount: source.count)
    let block = source.count / rankCount
    guard isHierarchical(.allToAll, byteCount: source.count) else {
      let counts = [Int](repeating: block, count: rankCount)
      return try exchange(
        call, source, destination, BlockCounts(source: counts, destination: counts))
    }
    try perform(call, source, destination) { tag in
      var requests: [[MessageRequest]] = [[], []]
      try inPieces(
        of: block, size: pieceBytes(rankCount),
        begin: { range, turn in
          let outgoing = try collect(source, block, range, into: pieces[turn % 2])
          let incoming = try pieces[2 + turn % 2].take(outgoing.count)
          let part = host.rankCount * range.count
          let own = layout.host * part
          incoming.part(own, part).copyMemory(from: outgoing.part(own, part))
          requests[turn % 2] = post(
            { outgoing.part($0 * part, part) }, { incoming.part($0 * part, part) },
            tag.step(turn))
        },
        end: { range, turn in
          try across.wait(for: requests[turn % 2], isMeeting: turn == 0)
          let incoming = try pieces[2 + turn % 2].take(rankCount * range.count)
          for (index, rank) in layout.hosts.joined().enumerated() {
            destination.part(rank * block + range.lowerBound, range.count).copyMemory(
              from: UnsafeRawBufferPointer(incoming).part(index * range.count, range.count))
          }
        })
    }
  }

  /// Collects what the ranks of this host give to this rank's counterparts: by host, then by giver.
  private func collect(
    _ source: UnsafeRawBufferPointer, _ block: Int, _ range: Range<Int>,
    into memory: StagingMemory
  ) throws -> UnsafeRawBufferPointer {
    let count = range.count
    let given = try packed.take(2 * rankCount * count)
    let (mine, theirs) = (
      given.part(0, rankCount * count), given.part(rankCount * count, rankCount * count)
    )
    for (host, ranks) in layout.hosts.enumerated() {
      for (place, rank) in ranks.enumerated() {
        mine.part((place * order.count + host) * count, count)
          .copyMemory(from: source.part(rank * block + range.lowerBound, count))
      }
    }
    try host.allToAll(UnsafeRawBufferPointer(mine), into: theirs)
    let sorted = try memory.take(rankCount * count)
    for place in 0..<host.rankCount {
      for host in order.indices {
        sorted.part((host * self.host.rankCount + place) * count, count).copyMemory(
          from: UnsafeRawBufferPointer(theirs).part((place * order.count + host) * count, count))
      }
    }
    return UnsafeRawBufferPointer(sorted)
  }

  // MARK: Each with its owner

  func allToAll(
    _ source: UnsafeRawBufferPointer, counts sourceCounts: [Int],
    into destination: UnsafeMutableRawBufferPointer, counts destinationCounts: [Int]
  ) throws {
    let counts = BlockCounts(source: sourceCounts, destination: destinationCounts)
    let call = world.nextCall(.unevenAllToAll)
    try counts.check(source, destination, rankCount: rankCount, call.text, at: world.place)
    try exchange(call, source, destination, counts)
  }

  /// Blocks of other hosts go by messages; meanwhile those of this host go through its memory.
  private func exchange(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer, _ counts: BlockCounts
  ) throws {
    let starts = (0..<rankCount).map { counts.destination[..<$0].reduce(0, +) }
    let given = { (peer: Int) in source.part(counts.sourceOffset(peer), counts.source[peer]) }
    let taken = { (peer: Int) in destination.part(starts[peer], counts.destination[peer]) }
    try perform(call, source, destination) { tag in
      let distant = world.others.filter { !layout.hosts[layout.host].contains($0) }
      let requests = distant.flatMap { peer in
        [
          world.channel.receive(into: taken(peer), from: peer, tag: tag),
          world.channel.send(given(peer), to: peer, tag: tag),
        ]
      }
      try exchangeInHost(given, taken)
      do { try world.wait(for: requests, isMeeting: true) } catch let failure as MessageFailure {
        throw world.named(failure, call)
      }
    }
  }

  private func exchangeInHost(
    _ given: (Int) -> UnsafeRawBufferPointer, _ taken: (Int) -> UnsafeMutableRawBufferPointer
  ) throws {
    let ranks = layout.hosts[layout.host]
    let counts = BlockCounts(
      source: ranks.map { given($0).count }, destination: ranks.map { taken($0).count })
    let (outgoing, incoming) = (counts.source.reduce(0, +), counts.destination.reduce(0, +))
    if let first = ranks.first, ranks == Array(first..<first + ranks.count) {
      // Blocks of ranks that follow one another lie side by side.
      let own = UnsafeRawBufferPointer(start: given(first).baseAddress, count: outgoing)
      let all = UnsafeMutableRawBufferPointer(start: taken(first).baseAddress, count: incoming)
      return try host.allToAll(own, counts: counts.source, into: all, counts: counts.destination)
    }
    let (own, all) = (try packed.take(outgoing), try pieces[0].take(incoming))
    var place = 0
    for rank in ranks {
      own.part(place, given(rank).count).copyMemory(from: given(rank))
      place += given(rank).count
    }
    try host.allToAll(
      UnsafeRawBufferPointer(own), counts: counts.source, into: all, counts: counts.destination)
    place = 0
    for rank in ranks {
      taken(rank).copyMemory(from: UnsafeRawBufferPointer(all).part(place, taken(rank).count))
      place += taken(rank).count
    }
  }
}
