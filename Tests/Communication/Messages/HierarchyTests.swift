import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Testing

/// What ranks of several hosts send between them, and how they find who is out of step.
@Suite struct HierarchyTests {
  /// From each of two hosts of two ranks go half as many bytes as without a hierarchy, for blocks of b bytes: 2 b.
  @Test func hostsSendEachBlockOnce() throws {
    let block = 3000
    let sent = try [CollectiveAlgorithm.direct, .hierarchical].map { algorithm in
      var job = WiredJob(hosts: [2, 2], algorithm)
      job.options.pieceBytes = 2000
      let counts = try job.run { world in
        let whole = Memory(count: 4 * block)
        let part = Memory(count: block)
        return try [
          Self.leaving(world) {
            try world.reduceScatter(
              whole.constant, into: part.mutable, element: .int8, reduction: .sum, outerCount: 1)
          },
          Self.leaving(world) {
            try world.allGather(part.constant, into: whole.mutable, outerCount: 1)
          },
        ]
      }
      return (0..<2).map { collective in counts[0][collective] + counts[1][collective] }
    }
    #expect(sent == [[4 * block, 4 * block], [2 * block, 2 * block]])
  }

  /// Bytes that leave the first of two hosts of two ranks: S for the hierarchy, 3/2 S for a ring.
  @Test func hierarchiesSendAThirdLessThanARing() throws {
    let byteCount = 1 << 20
    let sent = try [CollectiveAlgorithm.ring, .hierarchical].map { algorithm in
      let counts = try WiredJob(hosts: [2, 2], algorithm, over: .tcp).run { world in
        let memory = Memory(Numbers.bytes(.float32, byteCount / 4, seed: world.rank))
        try world.allReduce(
          memory.constant, into: memory.mutable, element: .float32, reduction: .sum)
        return (world as? any CountsMessages)?.sentBytes ?? []
      }
      return [[0, 1], [2, 3]].map { host in
        host.flatMap { rank in (0..<4).filter { !host.contains($0) }.map { counts[rank][$0] } }
          .reduce(0, +)
      }
    }
    #expect(sent == [[byteCount * 3 / 2, byteCount * 3 / 2], [byteCount, byteCount]])
  }

  /// What this rank sends to the other host.
  private static func leaving(
    _ world: any Communicator, _ body: () throws -> Void
  ) throws -> Int {
    guard let counter = world as? any CountsMessages else { return 0 }
    let before = counter.sentBytes
    try body()
    let others = (0..<4).filter { $0 / 2 != world.rank / 2 }
    return others.reduce(0) { $0 + counter.sentBytes[$1] - before[$1] }
  }

  /// Within a host ranks need no sockets: not one byte is sent.
  @Test func ranksOfAHostExchangeMessagesInMemory() throws {
    let sent = try WiredJob(hosts: [2, 2], .hierarchical).run { world in
      let memory = Memory([UInt8](repeating: UInt8(world.rank), count: 100))
      let peer = world.rank ^ 1
      if world.rank % 2 == 0 { try world.send(memory.constant, to: peer) }
      if world.rank % 2 == 1 { try world.receive(into: memory.mutable, from: peer) }
      let pair = try world.group([min(world.rank, peer), max(world.rank, peer)])
      try pair.broadcast(memory.mutable, root: 0)
      #expect(memory.bytes == [UInt8](repeating: UInt8(world.rank / 2 * 2), count: 100))
      return (world as? any CountsMessages)?.sentBytes ?? [1]
    }
    #expect(sent == Array(repeating: [0, 0, 0, 0], count: 4))
  }

  // MARK: Out of step

  private static func texts(
    _ places: [Int], _ body: @escaping @Sendable (any Communicator) throws -> Void
  ) throws -> [String] {
    try WiredJob(places: places, .hierarchical, over: .tcp).run { world in
      do { try body(world) } catch { return "\(error)" }
      return ""
    }
  }

  private static func sum(_ world: any Communicator, _ element: ElementType, _ count: Int) throws {
    let memory = Memory(count: count * element.byteCount)
    try world.allReduce(
      memory.constant, into: memory.mutable, element: element, reduction: .sum)
  }

  /// On whichever host and place the rank is that does something else.
  @Test(arguments: 0..<4) func aRankThatCallsSomethingElseIsNamed(_ odd: Int) throws {
    let types = try Self.texts([0, 0, 1, 1]) {
      try $0.barrier()
      try Self.sum($0, $0.rank == odd ? .int32 : .float32, 1000)
    }
    #expect(Set(types).count == 1, "\(types)")
    #expect(types[0].contains("out of step") && types[0].contains("all-reduce 1"), "\(types[0])")
    #expect(types[0].contains("float32") && types[0].contains("int32"), "\(types[0])")
    let sizes = try Self.texts([0, 0, 1, 1]) {
      try $0.barrier()
      try Self.sum($0, .float32, $0.rank == odd ? 1001 : 1000)
    }
    #expect(sizes.allSatisfy { $0.contains("another size") }, "\(sizes)")
    let kinds = try Self.texts([0, 0, 1, 1]) { world in
      try world.barrier()
      if world.rank == odd { return try world.barrier() }
      try Self.sum(world, .float32, 1000)
    }
    #expect(kinds.allSatisfy { $0.contains("barrier 1") && $0.contains("all-reduce 1") })
  }

  /// An operation is one event, and says for whom it has waited.
  @Test func theRankThatComesLastIsNoted() throws {
    for late in [1, 3] {
      let events = try WiredJob(hosts: [2, 2], .hierarchical, over: .tcp).run { world in
        try Self.sum(world, .float32, 1000)
        let end = ContinuousClock.now + .milliseconds(world.rank == late ? 300 : 0)
        while ContinuousClock.now < end {}
        try Self.sum(world, .float32, 1000)
        return world.log?.recent.filter { $0.name == "all-reduce" } ?? []
      }
      for rank in 0..<4 where rank != late {
        #expect(events[rank].count == 2)
        guard let last = events[rank].last else { continue }
        #expect(last.waitSeconds > 0.1, "rank \(rank) waits for \(late)")
        #expect(last.lastRank == late || last.lastRank / 2 == late / 2, "rank \(rank)")
      }
    }
  }
}
