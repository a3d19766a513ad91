import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Testing

/// Ranks that share memory end with a reason, all of them, and do not wait for ever.
@Suite struct SharedMemoryFailureTests {
  /// What each rank threw, as text.
  private func failures(
    _ rankCount: Int, limit: Double = 60, leaves: Bool = true,
    _ body: @escaping @Sendable (any Communicator) throws -> Void
  ) throws -> [String] {
    var options = SharedMemoryOptions()
    options.timeLimitSeconds = limit
    options.segmentBytes = 16 << 20
    options.pieceBytes = 4096
    let controls = LocalJobControl.job(hosts: [rankCount])
    return try LocalGroup.run(rankCount: rankCount) { [options] thread in
      let control = controls[thread.rank]
      do {
        try body(SharedMemory.communicator(control, options: options))
        control.leave()
      } catch { return "\(error)" }
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
    #expect(texts[0].contains("last operations:"), "\(texts[0])")
  }

  @Test(arguments: [1, 40_000]) func otherSizesTypesAndRootsAreOutOfStep(_ count: Int) throws {
    let types = try failures(2) { try Self.sum($0, $0.rank == 0 ? .float32 : .int32, count) }
    #expect(types.allSatisfy { $0.contains("float32, sum") && $0.contains("int32, sum") })
    let sizes = try failures(2) { try Self.sum($0, .int8, count + $0.rank) }
    #expect(
      sizes.allSatisfy { $0.contains("\(count) bytes") && $0.contains("\(count + 1) bytes") })
    let roots = try failures(2) { world in
      let memory = Memory(count: count)
      try withExtendedLifetime(memory) { try world.broadcast(memory.mutable, root: world.rank) }
    }
    #expect(roots.allSatisfy { $0.contains("root 0") && $0.contains("root 1") })
    let messages = try failures(2) { world in
      let memory = Memory(count: count + world.rank)
      try withExtendedLifetime(memory) {
        if world.rank == 0 {
          try world.send(memory.constant, to: 1)
        } else {
          try world.receive(into: memory.mutable, from: 0)
        }
      }
    }
    #expect(messages.allSatisfy { $0.contains("send 0 (\(count) bytes") }, "\(messages)")
  }

  @Test func blocksThatDoNotFitAreNamed() throws {
    let texts = try failures(2) { world in
      let (given, taken) = (Memory(count: 6), Memory(count: 6))
      try withExtendedLifetime((given, taken)) {
        try world.allToAll(
          given.constant, counts: [3, 3], into: taken.mutable,
          counts: world.rank == 0 ? [3, 3] : [2, 4])
      }
    }
    #expect(Set(texts).count == 1)
    #expect(
      texts[0].contains("rank 0 gives 3 bytes to rank 1, which expects 2"), "\(texts[0])")
  }

  @Test func aRankThatGivesUpEndsAll() throws {
    let texts = try failures(4) { world in
      let group = try world.group(world.rank < 2 ? [0, 1] : [2, 3])
      if world.rank == 3 {
        group.fail("no more data")
        return try group.barrier()
      }
      while true { try group.barrier() }
    }
    #expect(
      texts.allSatisfy { $0.contains("rank 3") && $0.contains("gave up: no more data") },
      "\(texts)")
  }

  @Test func aRankThatDoesNotComeIsNamed() throws {
    let texts = try failures(3, limit: 0.2) { world in
      if world.rank == 2 {
        let group = try world.group([2])
        // Ends when the others have given up.
        while true { try group.barrier() }
      }
      try world.barrier()
    }
    #expect(
      texts.allSatisfy {
        $0.contains("rank 2 (host local0") && $0.contains("did not come to barrier 0 within 0.2 s")
      }, "\(texts)")
  }

  @Test func ranksWithOtherOptionsAreRefused() throws {
    let controls = LocalJobControl.job(hosts: [2])
    let texts = try LocalGroup.run(rankCount: 2) { thread in
      var options = SharedMemoryOptions()
      options.pieceBytes += 4096 * thread.rank
      do {
        _ = try SharedMemory.communicator(controls[thread.rank], options: options)
      } catch { return "\(error)" }
      return ""
    }
    #expect(texts.allSatisfy { $0.contains("has other options of shared memory") }, "\(texts)")
  }

  @Test func aRankThatHasEndedIsNotWaitedFor() throws {
    let texts = try failures(3) { if $0.rank != 1 { try $0.barrier() } }
    #expect(texts[0].contains("ended and will not come to barrier 0"), "\(texts)")
    #expect(texts[0].contains("rank 1 (host local0"), "\(texts)")
    #expect(texts[0] == texts[2])
  }

  @Test func memoryThatIsNotThereIsAnError() throws {
    let texts = try failures(1) { world in
      let some = try world.allocate(byteCount: 8 << 20)
      #expect(throws: CommunicationError.self) { try world.allocate(byteCount: 9 << 20) }
      #expect(throws: CommunicationError.self) { try world.allocate(byteCount: -1) }
      #expect(throws: CommunicationError.self) { try world.allocate(byteCount: .max) }
      #expect(some.bytes.count == 8 << 20)
    }
    #expect(texts == [""])
  }

  @Test func memoryComesBack() throws {
    let texts = try failures(1) { world in
      for round in 0..<100 {
        let buffers = try (1...7).map { try world.allocate(byteCount: $0 << 18) }
        for buffer in buffers { #expect(buffer.bytes.allSatisfy { $0 == 0 }, "round \(round)") }
        withExtendedLifetime(buffers) { buffers[round % 7].bytes[round] = 1 }
      }
    }
    #expect(texts == [""])
  }

  /// The blocks of all these groups would not fit beside one another.
  @Test func groupsGiveTheirMemoryBack() throws {
    let texts = try failures(3) { world in
      for round in 0..<600 {
        let group = try world.group(
          world.rank == round % 3 ? [round % 3] : [0, 1, 2].filter { $0 != round % 3 })
        let memory = Memory([UInt8(1 << world.rank)])
        try withExtendedLifetime(memory) {
          try group.allReduce(
            memory.constant, into: memory.mutable, element: .uint8, reduction: .sum)
        }
        let alone = UInt8(1 << (round % 3))
        guard memory.bytes == [world.rank == round % 3 ? alone : 7 - alone] else {
          Issue.record("round \(round)")
          return
        }
      }
    }
    #expect(texts == ["", "", ""])
  }

  /// 128 ranks on a host with 1 TiB must not need more addresses than a process has.
  @Test func segmentsOfManyRanksShareTheAddresses() {
    var options = SharedMemoryOptions()
    options.segmentBytes = 1 << 40
    #expect(options.segmentBytes(rankCount: 2) == 1 << 40)
    #expect(options.segmentBytes(rankCount: 128) == 64 << 30)
    options.segmentBytes = 10_000
    #expect(options.segmentBytes(rankCount: 2) == 8192)
  }

  @Test func hostsShareNoMemory() throws {
    let controls = LocalJobControl.job(hosts: [1, 1])
    let error = #expect(throws: CommunicationError.self) {
      try SharedMemory.communicator(controls[0])
    }
    #expect(error?.what == "the ranks run on 2 hosts, which share no memory")
  }
}
