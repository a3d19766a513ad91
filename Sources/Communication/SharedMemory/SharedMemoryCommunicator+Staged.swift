/// Operations on private buffers: by pieces, through memory that is shared.
///
/// The pieces go to two halves in turn. When all ranks have come to a piece, they are done with the one
/// before it, whose half is free for the next.
extension SharedMemoryCommunicator {
  /// Copies a piece of each rank's source to where all see it, meets, and lets `pull` read them.
  func staged(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer, _ pieces: Pieces,
    pull: (Pieces.Piece, [UnsafeRawPointer]) throws -> Void
  ) throws {
    let halves = try stagingHalves()
    for (number, piece) in pieces.enumerated() {
      let half = halves[number & 1]
      for outer in piece.outers {
        for block in 0..<pieces.blockCount {
          let place = (outer * pieces.blockCount + block) * pieces.blockBytes
          copy(
            source, place + piece.part.lowerBound, piece.part.count, to: half[rank],
            piece.offset(outer, block))
        }
      }
      try meeting.meet(for: call)
      try pull(piece, half.map { UnsafeRawPointer($0) })
    }
  }

  /// Each rank combines its share of every piece for all, in place.
  func stagedAllReduce(
    _ call: CollectiveCall, _ order: RankOrderReduction, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer
  ) throws {
    let halves = try stagingHalves()
    let (limit, width) = (arena.options.pieceBytes / 64 * 64, order.element.byteCount)
    for (number, start) in stride(from: 0, to: source.count, by: limit).enumerated() {
      let (half, size) = (halves[number & 1], min(limit, source.count - start))
      copy(source, start, size, to: half[rank], 0)
      try meeting.meet(for: call)
      let units = (size + 63) / 64
      let from = units * rank / rankCount * 64
      let to = min(size, units * (rank + 1) / rankCount * 64)
      order.apply(
        half.map { UnsafeRawPointer($0) }, from: from, into: half, at: from,
        count: max(0, to - from) / width)
      try meeting.meet(for: call)
      copy(half[rank], size, to: destination, start)
    }
  }

  /// Blocks whose sizes differ; `counts` are those of all ranks.
  func stagedAllToAll(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer, _ counts: [BlockCounts]
  ) throws {
    let halves = try stagingHalves()
    let part = max(64, arena.options.pieceBytes / rankCount / 64 * 64)
    let largest = counts.flatMap(\.source).max() ?? 0
    for (number, start) in stride(from: 0, to: largest, by: part).enumerated() {
      let half = halves[number & 1]
      var from = 0
      for (peer, count) in counts[rank].source.enumerated() {
        copy(source, from + start, min(part, count - start), to: half[rank], peer * part)
        from += count
      }
      try meeting.meet(for: call)
      var to = 0
      for (peer, count) in counts[rank].destination.enumerated() {
        copy(half[peer] + rank * part, min(part, count - start), to: destination, to + start)
        to += count
      }
    }
  }

  /// The bytes of one rank, for all or for one.
  func stagedPass(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer, root: Int
  ) throws {
    let (halves, limit) = (try stagingHalves(), arena.options.pieceBytes)
    for (number, start) in stride(from: 0, to: call.byteCount, by: limit).enumerated() {
      let (half, size) = (halves[number & 1], min(limit, call.byteCount - start))
      if rank == root { copy(source, start, size, to: half[root], 0) }
      try meeting.meet(for: call)
      if rank != root { copy(half[root], size, to: destination, start) }
    }
  }

  /// Where the pieces of all ranks lie, in the first half and in the second.
  private func stagingHalves() throws -> [[UnsafeMutableRawPointer]] {
    let size = arena.options.pieceBytes
    let starts = try indices.indices.map { peer in
      try arena.address(
        indices[peer], place: call(of: peer).pointee.staging, byteCount: 2 * size)
    }
    return [starts, starts.map { $0 + size }]
  }

  private func copy(
    _ source: UnsafeRawBufferPointer, _ start: Int, _ count: Int,
    to place: UnsafeMutableRawPointer, _ offset: Int
  ) {
    guard count > 0, let bytes = source.baseAddress else { return }
    (place + offset).copyMemory(from: bytes + start, byteCount: count)
  }
}
