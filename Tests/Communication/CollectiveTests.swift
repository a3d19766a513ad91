import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Testing

/// Collectives of every transport are the serial computation in the order of the ranks, bit for bit.
@Suite struct CollectiveTests {
  @Test(arguments: TestTransport.all, 1...8)
  func collectivesAreTheSerialComputation(_ transport: TestTransport, _ rankCount: Int) throws {
    let problems = try transport.run(rankCount: rankCount) { communicator in
      try ElementType.allCases.flatMap { element in
        try [0, 1, 3, 7, 65].flatMap { count in
          try CollectiveLaw.problems(communicator, element, count: count, seed: 100 * count)
        }
      }
    }
    #expect(problems.flatMap { $0 } == [])
  }

  /// Shares of ranks that are larger than the blocks in which they are summed, and than eager operations and
  /// pieces of private buffers may be.
  @Test(arguments: TestTransport.all, Memory.Place.allCases)
  func largeOnesToo(_ transport: TestTransport, _ place: Memory.Place) throws {
    for rankCount in [2, 3, 5] {
      let problems = try transport.run(rankCount: rankCount) { communicator in
        try [ElementType.float32, .bfloat16, .float16, .float64, .int8].flatMap {
          try CollectiveLaw.problems(communicator, $0, count: 4099, seed: 1, place)
        }
      }
      #expect(problems.flatMap { $0 } == [])
    }
  }

  @Test(arguments: TestTransport.all, Memory.Place.allCases)
  func anAllReduceMayWriteItsSource(_ transport: TestTransport, _ place: Memory.Place) throws {
    for (rankCount, count) in [(2, 3), (2, 101), (2, 1001), (3, 400), (4, 101), (4, 20_001)] {
      let all = (0..<rankCount).map { Numbers.bytes(.float16, count, seed: $0) }
      let found = try transport.run(rankCount: rankCount) { communicator in
        let memory = try Memory(all[communicator.rank], place, communicator)
        try communicator.allReduce(
          memory.constant, into: memory.mutable, element: .float16, reduction: .sum)
        return memory.bytes
      }
      #expect(Set(found) == [Serial.reduced(all, .float16, .sum)], "\(rankCount) \(count)")
    }
  }

  /// Small buffers, some of which lie where others may read them.
  @Test(arguments: TestTransport.all, [Memory.Place.allocated, .mixed])
  func smallOnesInAnyMemoryToo(_ transport: TestTransport, _ place: Memory.Place) throws {
    for rankCount in [2, 5] {
      let problems = try transport.run(rankCount: rankCount) { communicator in
        try [ElementType.float32, .bfloat16, .uint8].flatMap { element in
          try [1, 33, 90].flatMap {
            try CollectiveLaw.problems(communicator, element, count: $0, seed: $0, place)
          }
        }
      }
      #expect(problems.flatMap { $0 } == [])
    }
  }

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
      let wrong = patterns.indices.filter { index in
        let numbers = [patterns[index], second[index]].map {
          Float(element.number(bits: UInt64($0)))
        }
        let sum = element.bits(element.rounded(Double(numbers[0] + numbers[1])))
        let bits = UInt64(found[0][2 * index]) | UInt64(found[0][2 * index + 1]) << 8
        return (numbers[0] + numbers[1]).isNaN ? !element.number(bits: bits).isNaN : bits != sum
      }
      #expect(wrong == [])
    }
  }

  /// Sums in another order would differ in the last bits.
  @Test(arguments: TestTransport.all) func sumsAreEqualOnAllRanksAndInAllRuns(
    _ transport: TestTransport
  ) throws {
    var found: Set<[UInt8]> = []
    for _ in 0..<10 {
      found.formUnion(
        try transport.run(rankCount: 8) { communicator in
          let source = Memory(Numbers.bytes(.float32, 5000, seed: communicator.rank))
          let destination = Memory(count: 20000)
          try withExtendedLifetime(source) {
            try communicator.allReduce(
              source.constant, into: destination.mutable, element: .float32, reduction: .sum)
          }
          return destination.bytes
        })
    }
    #expect(found.count == 1)
  }

  @Test(arguments: TestTransport.all) func notANumberStaysOne(_ transport: TestTransport) throws {
    let found = try transport.run(rankCount: 3) { communicator in
      let values: [Float] = communicator.rank == 1 ? [.nan, 1, -0.0] : [1, 2, 0.0]
      let source = Memory(
        values.flatMap { value in
          (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        })
      let destination = Memory(count: 12)
      return try withExtendedLifetime((source, destination)) {
        try communicator.allReduce(
          source.constant, into: destination.mutable, element: .float32, reduction: .maximum)
        return destination.constant.loadUnaligned(as: Float.self).isNaN
      }
    }
    #expect(found == [true, true, true])
  }

  @Test(arguments: TestTransport.all) func allSubsetsOfFourRanksAreGroups(
    _ transport: TestTransport
  ) throws {
    let problems = try transport.run(rankCount: 4) { world in
      try (1..<16).flatMap { mask in
        let ranks = (0..<4).filter { mask >> $0 & 1 == 1 }
        guard let place = ranks.firstIndex(of: world.rank) else { return [String]() }
        let group = try world.group(ranks)
        let isRight = group.rank == place && group.rankCount == ranks.count
        return try CollectiveLaw.problems(group, .float32, count: 5, seed: mask)
          + (isRight ? [] : ["rank"])
      }
    }
    #expect(problems.flatMap { $0 } == [])
  }

  /// A 2×2 mesh: the groups of both axes work at once, with different operations.
  @Test(arguments: TestTransport.all) func theAxesOfAMeshAreIndependent(_ transport: TestTransport)
    throws
  {
    let problems = try transport.run(rankCount: 4) { world in
      let (row, column) = (world.rank / 2, world.rank % 2)
      let rows = try world.group([2 * row, 2 * row + 1])
      let columns = try world.group([column, column + 2])
      return try (0..<50).flatMap { step in
        // The first row is at other sizes than the second, and the ranks of a column meet between.
        try CollectiveLaw.problems(rows, .int32, count: 1 + row * 8 + step % 3, seed: step)
          + CollectiveLaw.problems(columns, .float64, count: 3 + column, seed: step)
      }
    }
    #expect(problems.flatMap { $0 } == [])
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
      return try groups.flatMap { group in
        let memory = Memory([UInt8(1 << world.rank)])
        try group.allReduce(
          memory.constant, into: memory.mutable, element: .uint8, reduction: .sum)
        return memory.bytes
      }
    }
    #expect(sums == [[], [14, 14, 14, 14], [14, 14, 14, 14], [14, 14, 14, 14]])
  }

  @Test(arguments: TestTransport.all) func manyRoundsOfEightRanks(_ transport: TestTransport) throws
  {
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
