/// A piece of a buffer in shards: one for each rank of a host, which takes it to the other hosts.
extension HierarchicalCommunicator {
  /// How many elements of a piece each rank of the host has; the last ones may be filled up.
  func shardCount(_ piece: Range<Int>) -> Int {
    (piece.count + host.rankCount - 1) / host.rankCount
  }

  /// The elements of a piece that this rank has; the last ranks may have fewer than others.
  func shard(of piece: Range<Int>) -> Range<Int> {
    let count = shardCount(piece)
    let start = min(piece.lowerBound + host.rank * count, piece.upperBound)
    return start..<min(start + count, piece.upperBound)
  }

  /// Puts the shards of all ranks of the host together, without what the last ones are filled up with.
  func gather(
    _ shard: UnsafeMutableRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) throws {
    let source = UnsafeRawBufferPointer(shard)
    if source.count * host.rankCount == target.count {
      return try host.allGather(source, into: target, outerCount: 1)
    }
    let all = try packed.take(source.count * host.rankCount)
    try host.allGather(source, into: all, outerCount: 1)
    target.copyMemory(from: UnsafeRawBufferPointer(all).part(0, target.count))
  }
}
