extension SharedMemoryCommunicator {
  func send(_ source: UnsafeRawBufferPointer, to rank: Int) throws {
    let channel = try channel(from: self.rank, to: rank)
    var call = channel.nextCall(.send, byteCount: source.count)
    call.root = 0
    try channel.pass(call, source, into: .init(start: nil, count: 0), root: 0)
  }

  func receive(into destination: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    let channel = try channel(from: rank, to: self.rank)
    var call = channel.nextCall(.send, byteCount: destination.count)
    call.root = 0
    try channel.pass(call, .init(start: nil, count: 0), into: destination, root: 0)
  }

  /// Gives the bytes of one rank to the others.
  func pass(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer,
    into destination: UnsafeMutableRawBufferPointer, root: Int
  ) throws {
    try perform(call, source, destination, needs: rank == root ? .source : []) { way in
      if way == .staged { return try stagedPass(call, source, destination, root: root) }
      guard rank != root else { return }
      let bytes = way == .eager ? eagerSources[root] : try self.source(of: root, call.byteCount)
      copy(bytes, call.byteCount, to: destination, 0)
    }
  }

  func allToAll(
    _ source: UnsafeRawBufferPointer, counts sourceCounts: [Int],
    into destination: UnsafeMutableRawBufferPointer, counts destinationCounts: [Int]
  ) throws {
    let own = BlockCounts(source: sourceCounts, destination: destinationCounts)
    let call = nextCall(.unevenAllToAll)
    try own.check(source, destination, rankCount: rankCount, call.text, at: place)
    try perform(call, source, destination, needs: .source, counts: own) { way in
      let all = indices.indices.map { counts(of: $0) }
      if let error = BlockCounts.mismatch(all, of: call, ranks: members, at: place) {
        throw arena.control.fail(error)
      }
      if way == .staged { return try stagedAllToAll(call, source, destination, all) }
      var place = 0
      for (peer, count) in destinationCounts.enumerated() {
        if count > 0 {
          copy(
            try self.source(of: peer, source, from: all[peer].sourceOffset(rank), count), count,
            to: destination, place)
        }
        place += count
      }
    }
  }

  private func source(
    of peer: Int, _ own: UnsafeRawBufferPointer, from offset: Int, _ count: Int
  ) throws -> UnsafeRawPointer {
    if peer == rank, let start = own.baseAddress { return start + offset }
    let (place, overflow) = call(of: peer).pointee.source.addingReportingOverflow(offset)
    return UnsafeRawPointer(
      try arena.address(indices[peer], place: overflow ? -1 : place, byteCount: count))
  }

  private func counts(of peer: Int) -> BlockCounts {
    let words = meeting.block.counts(peer, parity: parity)
    let all = Array(UnsafeBufferPointer(start: words, count: 2 * rankCount))
    return BlockCounts(source: Array(all[..<rankCount]), destination: Array(all[rankCount...]))
  }

  /// The group of a sender and a receiver, apart from all others of the same ranks.
  private func channel(from sender: Int, to receiver: Int) throws -> SharedMemoryCommunicator {
    try checkMessage(from: sender, to: receiver, at: place)
    if let channel = channels[[sender, receiver]] { return channel }
    let ends = [members[sender], members[receiver]]
    let recorder = arena.control.recorder
    let token = recorder.begin(CollectiveCall(kind: .send, sequenceNumber: 0))
    defer { recorder.end(token) }
    let channel = try SharedMemoryCommunicator(
      arena, members: ends, name: "channel \(number) from \(ends[0]) to \(ends[1])",
      log: operations)
    channels[[sender, receiver]] = channel
    return channel
  }
}
