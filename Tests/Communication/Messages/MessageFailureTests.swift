import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Testing

/// Ranks that send messages end with a reason, all of them, and do not wait for ever.
@Suite struct MessageFailureTests {
  /// What each rank threw, as text.
  private func failures(
    _ rankCount: Int, over wire: WiredJob.Wire, limit: Double = 60,
    _ body: @escaping @Sendable (any Communicator) throws -> Void
  ) throws -> [String] {
    var job = WiredJob(hosts: [rankCount], .direct, over: wire)
    job.options.timeLimitSeconds = limit
    return try job.run { world in
      do { try body(world) } catch { return "\(error)" }
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

  @Test(arguments: WiredJob.Wire.allCases) func ranksThatAreOutOfStepAreNamed(_ wire: WiredJob.Wire)
    throws
  {
    let texts = try failures(3, over: wire) { world in
      try world.barrier()
      if world.rank == 1 { try world.barrier() } else { try Self.sum(world, .float32, 3) }
    }
    #expect(Set(texts).count == 1, "\(texts)")
    #expect(texts[0].contains("out of step") && texts[0].contains("rank 1 (host local0"))
    #expect(texts[0].contains("all-reduce 1 (") && texts[0].contains("barrier 1"), "\(texts[0])")
    #expect(texts[0].contains("last operations:"), "\(texts[0])")
  }

  @Test(arguments: WiredJob.Wire.allCases) func otherSizesTypesAndRootsToo(_ wire: WiredJob.Wire)
    throws
  {
    let types = try failures(2, over: wire) {
      try Self.sum($0, $0.rank == 0 ? .float32 : .int32, 2)
    }
    #expect(types.allSatisfy { $0.contains("float32, sum") && $0.contains("int32, sum") })
    let sizes = try failures(2, over: wire) { try Self.sum($0, .int8, 1 + $0.rank) }
    #expect(sizes.allSatisfy { $0.contains("another size") }, "\(sizes)")
    let roots = try failures(2, over: wire) { world in
      let memory = Memory(count: 1)
      try withExtendedLifetime(memory) {
        try world.broadcast(memory.mutable, root: world.rank)
        try world.barrier()
      }
    }
    #expect(roots.allSatisfy { $0.contains("out of step") }, "\(roots)")
    let blocks = try failures(2, over: wire) { world in
      let own = [1, 2 + world.rank]
      let (given, taken) = (Memory(count: 3 + world.rank), Memory(count: 3 + world.rank))
      try withExtendedLifetime((given, taken)) {
        try world.allToAll(
          given.constant, counts: world.rank == 0 ? own : own.reversed(), into: taken.mutable,
          counts: world.rank == 0 ? own : own.reversed())
      }
    }
    #expect(blocks.allSatisfy { $0.contains("instead of") }, "\(blocks)")
  }

  @Test(arguments: WiredJob.Wire.allCases) func aRankThatHasEndedIsNotWaitedFor(
    _ wire: WiredJob.Wire
  ) throws {
    let texts = try failures(2, over: wire) { world in
      if world.rank == 0 { try world.barrier() }
    }
    #expect(texts[0].contains("rank 1 ended and will not come to barrier 0"), "\(texts)")
  }

  @Test(arguments: WiredJob.Wire.allCases) func aRankThatIsLateIsNamed(_ wire: WiredJob.Wire) throws
  {
    let texts = try failures(2, over: wire, limit: 0.1) { world in
      if world.rank == 0 { return try Self.sum(world, .int8, 1) }
      let end = ContinuousClock.now + .milliseconds(500)
      while ContinuousClock.now < end {}
      try Self.sum(world, .int8, 1)
    }
    #expect(texts[0].contains("nothing moved for 0.1 s; waiting for rank 1"), "\(texts)")
    #expect(texts[0] == texts[1])
  }

  @Test(arguments: WiredJob.Wire.allCases) func aRankThatGivesUpEndsAll(_ wire: WiredJob.Wire)
    throws
  {
    let texts = try failures(3, over: wire) { world in
      // When all have made their communicators.
      try world.barrier()
      if world.rank == 2 { world.fail("no more data") }
      while true { try world.barrier() }
    }
    #expect(texts.allSatisfy { $0.contains("gave up: no more data") }, "\(texts)")
  }
}
