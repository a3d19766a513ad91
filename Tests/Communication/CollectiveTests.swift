import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Synchronization
import Testing

/// What collectives keep beside their results, which are the matter of ``ConformanceTests``.
@Suite struct CollectiveTests {
  /// All 65,536 numbers of a format, each added to another and to itself.
  @Test(arguments: [ElementType.float16, .bfloat16])
  func everyNumberOfSixteenBitsIsSummedRight(_ element: ElementType) throws {
    let patterns = (0..<65536).map { UInt16($0) }
    let others = patterns.map { ($0 &* 40503) ^ 0x8000 }
    for second in [others, patterns] {
      let all = [patterns, second].map { $0.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] } }
      let found = try LocalGroup.run(rankCount: 2) { communicator in
        let memory = Memory(all[communicator.rank])
        try communicator.allReduce(
          memory.constant, into: memory.mutable, element: element, reduction: .sum)
        return memory.bytes
      }
      let right = Serial.reduced(all, element, .sum, SumOrder(rankCount: 2))
      #expect(Serial.areEqual(found[0], right, element))
    }
  }

  private final class Arrivals: Sendable {
    private let all = Atomic(0)
    var count: Int { all.load(ordering: .sequentiallyConsistent) }
    func add() { all.wrappingAdd(1, ordering: .sequentiallyConsistent) }
  }

  @Test(arguments: TestTransport.all, [2, 5])
  func nobodyLeavesABarrierBeforeAllHaveCome(_ transport: TestTransport, _ rankCount: Int) throws {
    let arrivals = Arrivals()
    let early = try transport.run(rankCount: rankCount) { world in
      try (1...100).filter { round in
        arrivals.add()
        try world.barrier()
        return arrivals.count < round * rankCount
      }
    }
    #expect(early == Array(repeating: [], count: rankCount))
  }

  @Test(arguments: TestTransport.all) func allSubsetsOfFourRanksAreGroups(
    _ transport: TestTransport
  ) throws {
    let problems = try transport.run(rankCount: 4) { world in
      try (1..<16).filter { mask in
        let ranks = (0..<4).filter { mask >> $0 & 1 == 1 }
        guard let place = ranks.firstIndex(of: world.rank) else { return false }
        let group = try world.group(ranks)
        let sum = try Self.sum(group, UInt8(1 << world.rank))
        return sum != mask || group.rank != place || group.rankCount != ranks.count
      }
    }
    #expect(problems == [[], [], [], []])
  }

  @Test(arguments: TestTransport.all) func groupsOfGroupsAreToldApart(_ transport: TestTransport)
    throws
  {
    let sums = try transport.run(rankCount: 4) { world in
      guard world.rank > 0 else { return [UInt8]() }
      let three = try world.group([1, 2, 3])
      let groups = try [
        three, three.group([0, 1, 2]), three.group([0, 1, 2]), world.group([1, 2, 3]),
      ]
      return try groups.map { try Self.sum($0, UInt8(1 << world.rank)) }
    }
    #expect(sums == [[], [14, 14, 14, 14], [14, 14, 14, 14], [14, 14, 14, 14]])
  }

  private static func sum(_ group: any Communicator, _ value: UInt8) throws -> UInt8 {
    let memory = Memory([value])
    try group.allReduce(memory.constant, into: memory.mutable, element: .uint8, reduction: .sum)
    return memory.bytes[0]
  }

  @Test(arguments: TestTransport.all.filter { $0.algorithm == .direct })
  func manyRoundsOfEightRanks(_ transport: TestTransport) throws {
    let counts = try transport.run(rankCount: 8) { communicator in
      let memory = Memory([UInt8](repeating: 0, count: 8))
      for round in 0..<2000 {
        memory.mutable.storeBytes(of: round * communicator.rank, as: Int.self)
        try communicator.allReduce(
          memory.constant, into: memory.mutable, element: .int64, reduction: .sum)
        guard memory.constant.loadUnaligned(as: Int.self) == 28 * round else { return round }
      }
      return 2000
    }
    #expect(counts == [Int](repeating: 2000, count: 8))
  }
}
