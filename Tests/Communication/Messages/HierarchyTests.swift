import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Testing

/// Collectives of several hosts, which go host by host, are those of all ranks at once.
@Suite struct HierarchyTests {
  /// Jobs with pieces that are smaller than what they exchange, and do not divide it.
  private static func job(_ places: [Int], usesSockets: Bool = false) -> WiredJob {
    var job = WiredJob(places: places, .hierarchical, usesSockets: usesSockets)
    job.options.pieceBytes = usesSockets ? 20_000 : 200
    job.options.segmentBytes = usesSockets ? 5000 : 40
    return job
  }

  /// What differs in elements that are combined in any order with the same result.
  private static func problems(_ communicator: any Communicator, counts: [Int]) throws -> [String] {
    try [ElementType.int32, .uint8, .bool].flatMap { element in
      try counts.flatMap { count in
        try CollectiveLaw.problems(communicator, element, count: count, seed: 3 * count)
      }
    }
  }

  @Test(arguments: AllReduceAlgorithmTests.layouts)
  func allCollectivesAreSerialOnes(_ places: [Int]) throws {
    let problems = try Self.job(places).run { try Self.problems($0, counts: [0, 1, 7, 65]) }
    #expect(problems.flatMap { $0 } == [])
  }

  @Test(arguments: [[0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1, 1, 1]])
  func alsoOverSocketsAndSharedMemory(_ places: [Int]) throws {
    let problems = try Self.job(places, usesSockets: true).run { world in
      try Self.problems(world, counts: [5])
        + Memory.Place.allCases.flatMap {
          try CollectiveLaw.problems(world, .int32, count: 30_011, seed: 1, $0)
        }
    }
    #expect(problems.flatMap { $0 } == [])
  }

  /// Blocks are reduced in the order of the hierarchy.
  @Test(arguments: AllReduceAlgorithmTests.layouts)
  func blocksAreReducedHostByHost(_ places: [Int]) throws {
    let job = Self.job(places)
    let (hosts, ranks) = (job.ranks, places.count)
    let problems = try job.run { world in
      var problems: [String] = []
      for element in [ElementType.float32, .bfloat16, .float16, .float64] {
        for (count, outer) in [(7, 1), (65, 1), (12, 3)] {
          let all = (0..<ranks).map { Numbers.bytes(element, count * ranks, seed: $0) }
          for reduction in [CollectiveReduction.sum, .mean, .maximum] {
            let whole = OrderedSum(element: element, reduction: reduction)
              .hierarchical(all, hosts)
            let expected = Serial.block(whole, world.rank, of: ranks, outerCount: outer)
            let (source, target) = (Memory(all[world.rank]), Memory(count: expected.count))
            try world.reduceScatter(
              source.constant, into: target.mutable, element: element, reduction: reduction,
              outerCount: outer)
            if target.bytes != expected { problems.append("\(element) \(reduction) \(count)") }
          }
        }
      }
      return problems
    }
    #expect(problems.flatMap { $0 } == [])
  }

  /// Groups of one host, of one rank a host, of some hosts, and of unequal parts of them.
  @Test(arguments: [false, true]) func groupsAreHierarchiesToo(_ usesSockets: Bool) throws {
    let lists = [[0, 1, 2], [0, 3, 6], [1, 2, 4, 5], [0, 1, 2, 3], [0, 2, 3, 5, 6, 8]]
    let problems = try Self.job([0, 0, 0, 1, 1, 1, 2, 2, 2], usesSockets: usesSockets).run {
      world in
      var problems: [String] = []
      for list in lists where list.contains(world.rank) {
        let group = try world.group(list)
        problems += try Self.problems(group, counts: [1, 40]).map { "\(list): \($0)" }
        let inner = try group.group(
          Array(group.rank / 2 * 2..<min(list.count, group.rank / 2 * 2 + 2)))
        problems += try Self.problems(inner, counts: [3]).map { "part of \(list): \($0)" }
      }
      try world.barrier()
      return problems
    }
    #expect(problems.flatMap { $0 } == [])
  }

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
    try Self.job(places, usesSockets: true).run { world in
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
      let events = try WiredJob(hosts: [2, 2], .hierarchical, usesSockets: true).run { world in
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
