import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import Testing

/// Parts of a tensor are copied as bytes, run by run, where the slow way goes element by element.
@Suite struct ShardRunTests {
  static let mesh = Mesh([.data: 2, .tensor: 3])

  /// Splits that are even, uneven, of a factor within a dimension, by two axes, and none.
  static let shardings: [Sharding] = [
    Sharding([[ShardedFactor(6, [.tensor])], [ShardedFactor(4)]]),
    Sharding([[ShardedFactor(4)], [ShardedFactor(6, [.data])]]),
    Sharding([[ShardedFactor(7, [.tensor])], [ShardedFactor(5, [.data])]]),
    Sharding([[ShardedFactor(2), ShardedFactor(6, [.tensor])], [ShardedFactor(3)]]),
    Sharding([[ShardedFactor(3)], [ShardedFactor(2), ShardedFactor(13, [.data, .tensor])]]),
    Sharding([[ShardedFactor(5)], [ShardedFactor(2, [.data]), ShardedFactor(3, [.tensor])]]),
    Sharding(whole: [3, 4]), Sharding(whole: []),
  ]

  @Test(arguments: shardings) func bytesGoWhereElementsGo(_ sharding: Sharding) {
    let shape = sharding.dimensions.map(\.size)
    let shard = Shard(shape: shape, sharding: sharding, mesh: Self.mesh)
    var random = RandomSource(seed: 4)
    let whole = random.array(Type(.float32, shape))
    var parts: [HostArray] = []
    for rank in 0..<Self.mesh.rankCount {
      let expected = shard.part(of: whole, rank: rank)
      var part = [UInt8](repeating: 0xff, count: expected.bytes.count)
      whole.bytes.withUnsafeBytes { source in
        part.withUnsafeMutableBytes {
          shard.copy(from: source, toPart: $0, of: rank, elementBytes: 4)
        }
      }
      #expect(part == expected.bytes, "rank \(rank)")
      parts.append(expected)
    }
    #expect(assembled(parts, shard, byteCount: whole.bytes.count) == whole.bytes)
    #expect(shard.assembled(parts).bytes == whole.bytes)
  }

  private func assembled(_ parts: [HostArray], _ shard: Shard, byteCount: Int) -> [UInt8] {
    var whole = [UInt8](repeating: 0xff, count: byteCount)
    for (rank, part) in parts.enumerated() where shard.isOwner(rank) {
      part.bytes.withUnsafeBytes { source in
        whole.withUnsafeMutableBytes {
          shard.copy(fromPart: source, of: rank, to: $0, elementBytes: 4)
        }
      }
    }
    return whole
  }
}
