/// Broadcasts from host to host, in pieces.
extension HierarchicalCommunicator {
  func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws {
    guard isHierarchical(.broadcast, byteCount: buffer.count) else {
      return try world.broadcast(buffer, root: root)
    }
    var call = world.nextCall(.broadcast, byteCount: buffer.count)
    call.root = root
    try perform(call, UnsafeRawBufferPointer(buffer), buffer) { tag in
      let origin = layout.location(of: root)
      if layout.host == origin.host {
        try giveAway(tag, buffer, from: origin)
      } else {
        try passOn(tag, buffer, from: origin)
      }
    }
  }

  /// Smaller pieces than those of other operations: a host gets the last one when all before it have theirs.
  private func broadcastPieces(_ byteCount: Int) -> [Range<Int>] {
    let size = max(1, world.options.segmentBytes * host.rankCount)
    let count = max(1, (byteCount + size - 1) / size)
    return (0..<count).map { $0 * size..<min(byteCount, ($0 + 1) * size) }
  }

  /// On the root's host: all ranks get each piece, and each of them sends its part of it to the next host.
  private func giveAway(
    _ tag: MessageTag, _ buffer: UnsafeMutableRawBufferPointer, from origin: (host: Int, place: Int)
  ) throws {
    let next = order[(layout.host + 1) % order.count]
    var sends: [MessageRequest] = []
    for (turn, piece) in broadcastPieces(buffer.count).enumerated() {
      let bytes = buffer.part(piece.lowerBound, piece.count)
      try host.broadcast(bytes, root: origin.place)
      let shard = shard(of: piece)
      sends.append(
        across.channel.send(
          UnsafeRawBufferPointer(buffer).part(shard.lowerBound, shard.count), to: next,
          tag: tag.step(turn)))
    }
    try across.wait(for: sends)
  }

  /// On the other hosts: each rank gets its part of a piece from the host before, passes it on unless that is
  /// the last one, and the ranks put the piece together.
  private func passOn(
    _ tag: MessageTag, _ buffer: UnsafeMutableRawBufferPointer, from origin: (host: Int, place: Int)
  ) throws {
    let hosts = order.count
    let (last, next) = (
      order[(layout.host + hosts - 1) % hosts], (layout.host + 1) % hosts
    )
    let all = broadcastPieces(buffer.count)
    var receives = try [0, 1].filter { $0 < all.count }.map {
      try expect(all[$0], $0, from: last, tag)
    }
    var sends: [MessageRequest] = []
    for (turn, piece) in all.enumerated() {
      try across.wait(for: [receives[turn]], isMeeting: turn == 0)
      let memory = try pieces[turn % 3].take(shardCount(piece))
      if next != origin.host {
        let bytes = UnsafeRawBufferPointer(memory).part(0, shard(of: piece).count)
        sends.append(across.channel.send(bytes, to: order[next], tag: tag.step(turn)))
      }
      try gather(memory, into: buffer.part(piece.lowerBound, piece.count))
      guard turn + 2 < all.count else { continue }
      // The memory of the piece before this one is free when that has been passed on.
      if turn > 0, !sends.isEmpty { try across.wait(for: [sends[turn - 1]]) }
      receives.append(try expect(all[turn + 2], turn + 2, from: last, tag))
    }
    try across.wait(for: sends)
  }

  private func expect(
    _ piece: Range<Int>, _ turn: Int, from peer: Int, _ tag: MessageTag
  ) throws -> MessageRequest {
    let memory = try pieces[turn % 3].take(shardCount(piece))
    return across.channel.receive(
      into: memory.part(0, shard(of: piece).count), from: peer, tag: tag.step(turn))
  }
}
