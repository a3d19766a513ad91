import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Testing

/// Sums of messages have the bits of a serial sum in the order that their algorithm documents.
@Suite struct AllReduceAlgorithmTests {
  private static let elements: [ElementType] = [
    .float64, .float32, .float16, .bfloat16, .float8e4m3, .int64, .int8, .bool,
  ]

  /// What differs on a rank.
  private static func problems(
    _ communicator: any Communicator, _ count: Int,
    _ expected: (OrderedSum, [[UInt8]]) -> [UInt8]
  ) throws -> [String] {
    var problems: [String] = []
    for element in elements {
      let all = (0..<communicator.rankCount).map { Numbers.bytes(element, count, seed: $0) }
      for reduction in CollectiveReduction.allCases
      where element.isFloatingPoint || reduction != .mean {
        let right = expected(OrderedSum(element: element, reduction: reduction), all)
        let (source, destination) = (Memory(all[communicator.rank]), Memory(count: right.count))
        try communicator.allReduce(
          source.constant, into: destination.mutable, element: element, reduction: reduction)
        try communicator.allReduce(
          source.constant, into: source.mutable, element: element, reduction: reduction)
        if destination.bytes != right { problems.append("\(element) \(reduction) \(count)") }
        if source.bytes != right { problems.append("\(element) \(reduction) \(count) in place") }
      }
    }
    return problems
  }

  private static var counts: [Int] { [0, 1, 7, 65, 1031] }

  @Test(arguments: 2...8) func ringsSumInTheirOrder(_ rankCount: Int) throws {
    var job = WiredJob(hosts: [rankCount], .ring)
    // Sizes above are several segments, more than are expected at a time, and shares that differ in them.
    job.options.segmentBytes = 100
    let problems = try job.run { world in
      try Self.counts.flatMap { try Self.problems(world, $0) { $0.ring($1) } }
    }
    #expect(problems.flatMap { $0 } == [])
  }

  @Test(arguments: 2...8) func doublingSumsInItsOrder(_ rankCount: Int) throws {
    let problems = try WiredJob(hosts: [rankCount], .recursiveDoubling).run { world in
      try Self.counts.flatMap { try Self.problems(world, $0) { $0.doubled($1) } }
    }
    #expect(problems.flatMap { $0 } == [])
  }

  @Test(arguments: [CollectiveAlgorithm.ring, .recursiveDoubling])
  func alsoOverSockets(_ algorithm: CollectiveAlgorithm) throws {
    let problems = try WiredJob(hosts: [3], algorithm, usesSockets: true).run { world in
      try [7, 30_011].flatMap { count in
        try Self.problems(world, count) { sum, all in
          algorithm == .ring ? sum.ring(all) : sum.doubled(all)
        }
      }
    }
    #expect(problems.flatMap { $0 } == [])
  }

  /// Hosts of 1 to 3 ranks, also where ranks are not in the order of their hosts.
  static var layouts: [[Int]] {
    [
      [0, 1], [0, 0, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 2, 2], [0, 1, 2, 3], [0, 1, 1, 0],
    ]
  }

  @Test(
    arguments: layouts, [CollectiveAlgorithm.hierarchical, .hierarchicalDoubling])
  func hierarchiesSumHostByHost(_ places: [Int], _ algorithm: CollectiveAlgorithm) throws {
    var job = WiredJob(places: places, algorithm)
    // Sizes above are several pieces, and pieces that shards do not divide.
    job.options.pieceBytes = 1000
    let ranks = job.ranks
    let problems = try job.run { world in
      try Self.counts.flatMap { count in
        try Self.problems(world, count) {
          algorithm == .hierarchical
            ? $0.hierarchical($1, ranks) : $0.hierarchicalDoubled($1, ranks)
        }
      }
    }
    #expect(problems.flatMap { $0 } == [])
  }

  @Test func hierarchiesAlsoOverSocketsAndSharedMemory() throws {
    var job = WiredJob(hosts: [2, 2], .hierarchical, usesSockets: true)
    job.options.pieceBytes = 16 << 10
    let problems = try job.run { world in
      try [5, 30_011].flatMap { count in
        try Self.problems(world, count) { $0.hierarchical($1, [[0, 1], [2, 3]]) }
      }
    }
    #expect(problems.flatMap { $0 } == [])
  }

  /// Hosts that differ have no hierarchy: the order of the ranks remains.
  @Test func unequalHostsSumInTheOrderOfTheRanks() throws {
    let problems = try WiredJob(hosts: [1, 2], .hierarchical).run { world in
      try Self.problems(world, 65) { sum, all in
        Serial.reduced(all, sum.element, sum.reduction)
      }
    }
    #expect(problems.flatMap { $0 } == [])
  }

  /// Bytes that leave the first of two hosts of two ranks: S for the hierarchy, 3/2 S for a ring.
  @Test func hierarchiesSendAThirdLessThanARing() throws {
    let byteCount = 1 << 20
    let sent = try [CollectiveAlgorithm.ring, .hierarchical].map { algorithm in
      let counts = try WiredJob(hosts: [2, 2], algorithm, usesSockets: true).run { world in
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
}
