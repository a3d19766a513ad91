import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Testing

/// What goes wrong is named on every rank, and nobody waits for ever.
@Suite struct FailureTests {
  private struct Mistake: Error, Equatable {}

  /// What each rank threw, as text.
  private func failures(
    _ rankCount: Int, limit: Double = 60,
    _ body: @escaping @Sendable (any Communicator) throws -> Void
  ) throws -> [String] {
    try LocalGroup.run(rankCount: rankCount, timeLimitSeconds: limit) { communicator in
      do { try body(communicator) } catch { return "\(error)" }
      return ""
    }
  }

  private static func sum(_ communicator: any Communicator, _ element: ElementType, _ count: Int)
    throws
  {
    let memory = Memory(count: count * element.byteCount)
    try withExtendedLifetime(memory) {
      try communicator.allReduce(
        memory.constant, into: memory.mutable, element: element, reduction: .sum)
    }
  }

  @Test func ranksThatAreOutOfStepAreNamed() throws {
    let texts = try failures(3) { communicator in
      try communicator.barrier()
      if communicator.rank == 1 {
        try communicator.barrier()
      } else {
        try Self.sum(communicator, .float32, 3)
      }
    }
    #expect(Set(texts).count == 1)
    #expect(
      texts[0].contains("ranks 0, 2: all-reduce 1 (12 bytes, float32, sum); rank 1: barrier 1"),
      "\(texts[0])")
    #expect(texts[0].contains("(group of ranks 0, 1, 2)\n"))
  }

  @Test func otherSizesAndTypesAreOutOfStep() throws {
    let types = try failures(2) { try Self.sum($0, $0.rank == 0 ? .float32 : .int32, 2) }
    #expect(types.allSatisfy { $0.contains("float32, sum") && $0.contains("int32, sum") })
    let sizes = try failures(2) { try Self.sum($0, .int8, 1 + $0.rank) }
    #expect(sizes.allSatisfy { $0.contains("1 bytes") && $0.contains("2 bytes") })
    let roots = try failures(2) { world in
      let memory = Memory(count: 1)
      try withExtendedLifetime(memory) { try world.broadcast(memory.mutable, root: world.rank) }
    }
    #expect(roots.allSatisfy { $0.contains("root 0") && $0.contains("root 1") })
  }

  @Test func theFirstErrorIsThrown() {
    #expect(throws: Mistake.self) {
      try LocalGroup.run(rankCount: 4) { communicator in
        try communicator.barrier()
        if communicator.rank == 2 { throw Mistake() }
        while true { try communicator.barrier() }
      }
    }
  }

  /// Also where those that wait are in groups without the one that fails.
  @Test func aRankThatGivesUpEndsAll() throws {
    let texts = try failures(4) { world in
      let group = try world.group(world.rank < 2 ? [0, 1] : [2, 3])
      if world.rank == 3 {
        group.fail("no more data")
        return try group.barrier()
      }
      while true { try group.barrier() }
    }
    #expect(texts.allSatisfy { $0.contains("rank 3 gave up: no more data") }, "\(texts)")
  }

  @Test func aRankThatDoesNotComeIsNamed() throws {
    let group = try LocalGroup(rankCount: 3, timeLimitSeconds: 0.2)
    let texts = try failures(2) { rank in
      try group.communicators[rank.rank].barrier()
    }
    #expect(texts.allSatisfy { $0.contains("rank 2 did not come to barrier 0 within 0.2 s") })
    // Once the others have given up, it is told as well.
    #expect(throws: CommunicationError.self) { try group.communicators[2].barrier() }
  }

  @Test func whereTheMissingRankIsIsSaid() throws {
    let texts = try failures(2, limit: 0.2) { world in
      let (first, second) = (try world.group([0, 1]), try world.group([0, 1]))
      try (world.rank == 0 ? first : second).barrier()
    }
    #expect(texts[0] == texts[1])
    #expect(texts[0].contains("did not come to barrier 1"))
    #expect(texts[0].contains("is in barrier 1 of group of ranks 0, 1"), "\(texts)")
  }

  @Test func aRankThatHasEndedIsNotWaitedFor() throws {
    let texts = try failures(3) { communicator in
      if communicator.rank == 1 { return }
      try communicator.barrier()
    }
    #expect(texts[0].contains("rank 1 ended and will not come to barrier 0"), "\(texts)")
    #expect(texts[0] == texts[2])
  }

  @Test func wrongArgumentsAreErrors() throws {
    let texts = try LocalGroup.run(rankCount: 1) { communicator in
      let (a, b) = (Memory(count: 6), Memory(count: 8))
      let calls: [() throws -> Void] = [
        {
          try communicator.allReduce(a.constant, into: b.mutable, element: .int8, reduction: .sum)
        },
        {
          try communicator.allReduce(a.constant, into: a.mutable, element: .int32, reduction: .sum)
        },
        {
          try communicator.allReduce(b.constant, into: b.mutable, element: .int8, reduction: .mean)
        },
        { try communicator.allGather(b.constant, into: b.mutable, outerCount: 1) },
        { try communicator.allGather(a.constant, into: b.mutable, outerCount: 4) },
        { try communicator.allGather(a.constant, into: b.mutable, outerCount: -1) },
        { try communicator.broadcast(a.mutable, root: 1) },
        { _ = try communicator.group([0, 1]) },
        { _ = try communicator.group([]) },
        { _ = try communicator.group([0, 0]) },
      ]
      return withExtendedLifetime((a, b)) {
        calls.map { call in
          do { try call() } catch { return "\(error)" }
          return "no error"
        }
      }
    }
    let expected = [
      "the destination has 8 bytes", "not 1 equal blocks", "int8 has no mean", "overlap",
      "not 4 equal blocks", "negative", "no rank 1", "[0, 1] is no group", "[] is no group",
      "[0, 0] is no group",
    ]
    for (text, part) in zip(texts[0], expected) { #expect(text.contains(part), "\(text)") }
    #expect(texts[0].allSatisfy { $0.contains("rank 0, group of rank 0") })
  }

  @Test func aGroupHasRanks() {
    #expect(throws: CommunicationError.self) { try LocalGroup(rankCount: 0) }
  }
}
