import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Foundation
import Testing

/// Queues run operations in order beside the caller, and logs say what they did.
@Suite struct QueueTests {
  @Test(arguments: TestTransport.all)
  func operationsOfAQueueRunInOrder(_ transport: TestTransport) throws {
    let sums = try transport.run(rankCount: 3) { world in
      let (first, second) = (try CommunicationQueue(world), try CommunicationQueue(world))
      let other = Memory([UInt8(world.rank)])
      // Each sums what the one before it made.
      let memories = [Memory([1, 0, 0, 0, 0, 0, 0, 0])] + (0..<20).map { _ in Memory(count: 8) }
      let handles = zip(memories, memories.dropFirst()).map { from, to in
        first.start(
          .allReduce(from.constant, into: to.mutable, element: .int64, reduction: .sum))
      }
      let maximum = second.start(
        .allReduce(other.constant, into: other.mutable, element: .uint8, reduction: .maximum))
      try world.barrier()
      try maximum.wait()
      try withExtendedLifetime(memories) { for handle in handles { try handle.wait() } }
      #expect(handles.allSatisfy { $0.isOver })
      // One barrier on no queue, and what was started on each of them.
      let events = world.log?.recent.filter { $0.name != "group" } ?? []
      let counts = (0...2).map { queue in events.count { $0.queue == queue } }
      #expect(counts == [1, 20, 1])
      return [memories[20].integer, Int(other.bytes[0])]
    }
    let power = (0..<20).reduce(1) { product, _ in product * 3 }
    #expect(sums == [[power, 2], [power, 2], [power, 2]])
  }

  /// What one rank has not started yet on a queue holds up no other queue.
  @Test(arguments: TestTransport.all)
  func queuesDoNotWaitForOneAnother(_ transport: TestTransport) throws {
    let sums = try transport.run(rankCount: 3) { world in
      let queues = try [CommunicationQueue(world), CommunicationQueue(world)]
      let memories = [Memory([UInt8(world.rank)]), Memory([UInt8(10 + world.rank)])]
      let start = { (number: Int) in
        let memory = memories[number]
        return queues[number].start(
          .allReduce(memory.constant, into: memory.mutable, element: .uint8, reduction: .sum))
      }
      if world.rank == 0 {
        try start(0).wait()
        try start(1).wait()
      } else {
        for handle in [start(1), start(0)] { try handle.wait() }
      }
      return memories.flatMap(\.bytes)
    }
    #expect(sums == [[3, 33], [3, 33], [3, 33]])
  }

  /// Sums along the rows of a mesh on one queue, and along its columns on another: each doubles, or more, what the one
  /// before it made.
  @Test(arguments: TestTransport.all, [4, 6, 8])
  func queuesOfBothAxesWorkAtOnce(_ transport: TestTransport, _ rankCount: Int) throws {
    let shapes = [GroupShape.rows, .columns]
    let sums = try transport.run(rankCount: rankCount) { world in
      let queues = try shapes.map { shape in
        let group = shape.groups(rankCount).first { $0.contains(world.rank) } ?? []
        return try CommunicationQueue(world.group(group))
      }
      let memories = queues.map { _ in Memory([1, 0, 0, 0, 0, 0, 0, 0]) }
      let handles = (0..<30).map { turn in
        let axis = turn % 3 == 0 ? 0 : 1
        let (from, to) = (memories[axis].constant, memories[axis].mutable)
        return queues[axis].start(
          .allReduce(from, into: to, element: .int64, reduction: .sum))
      }
      for handle in handles { try handle.wait() }
      return memories.map(\.integer)
    }
    let power = { (base: Int, exponent: Int) in
      (0..<exponent).reduce(1) { product, _ in product * base }
    }
    #expect(sums == Array(repeating: [power(rankCount / 2, 10), power(2, 20)], count: rankCount))
  }

  @Test(arguments: TestTransport.all)
  func twoRanksSendToEachOther(_ transport: TestTransport) throws {
    let got = try transport.run(rankCount: 2) { world in
      let queue = try CommunicationQueue(world)
      let (own, other) = (Memory([UInt8(world.rank + 7)]), Memory(count: 1))
      // On two queues neither has to know who goes first.
      let back = try CommunicationQueue(world)
      let queues = world.rank == 0 ? (queue, back) : (back, queue)
      let handles = [
        queues.0.start(.send(own.constant, to: 1 - world.rank)),
        queues.1.start(.receive(other.mutable, from: 1 - world.rank)),
      ]
      try withExtendedLifetime(own) { for handle in handles { try handle.wait() } }
      return other.bytes
    }
    #expect(got == [[8], [7]])
  }

  @Test(arguments: TestTransport.all)
  func errorsComeFromTheHandle(_ transport: TestTransport) throws {
    let texts = try transport.run(rankCount: 1) { world in
      let queue = try CommunicationQueue(world)
      let memory = Memory(count: 1)
      return withExtendedLifetime(memory) {
        Self.error(queue.start(.broadcast(memory.mutable, root: 5)))
      }
    }
    #expect(texts[0].contains("there is no rank 5"), "\(texts)")
  }

  /// A rank that starts something else is named by the handles of all ranks, and nothing goes on afterwards.
  @Test(arguments: TestTransport.all)
  func ranksThatAreOutOfStepHearItFromTheirHandles(_ transport: TestTransport) throws {
    let texts = try transport.run(rankCount: 4) { world in
      let (first, second) = (try CommunicationQueue(world), try CommunicationQueue(world))
      let memory = Memory(count: 8)
      let sum = CommunicationOperation.allReduce(
        memory.constant, into: memory.mutable, element: .int64, reduction: .sum)
      return try withExtendedLifetime(memory) {
        try first.start(.barrier).wait()
        let handles = [first.start(world.rank == 1 ? .barrier : sum), first.start(.barrier)]
        return handles.map(Self.error) + [Self.error(second.start(.barrier))]
      }
    }
    for text in texts.joined() { #expect(text.contains("out of step"), "\(text)") }
  }

  private static func error(_ handle: CommunicationHandle) -> String {
    do { try handle.wait() } catch { return "\(error)" }
    return "no error"
  }

  @Test(arguments: TestTransport.all.filter { $0.algorithm == .direct })
  func theLogSaysForWhomARankWaited(_ transport: TestTransport) throws {
    let logs = try transport.run(rankCount: 3) { world in
      // Ranks begin when all have made their communicators.
      try world.barrier()
      for _ in 0..<3 {
        // Far longer than a busy machine keeps any other rank from its turn.
        if world.rank == 1 { Thread.sleep(forTimeInterval: 0.2) }
        let memory = Memory(count: 12)
        try world.allReduce(
          memory.constant, into: memory.mutable, element: .float32, reduction: .sum)
      }
      let log = try #require(world.log)
      return (log.recent, log.stragglers, try StragglerReport(gatheredBy: world))
    }
    for (rank, log) in logs.enumerated() {
      let first = try #require(log.2.entries.first)
      #expect(
        first.rank == 1 && first.waitingRanks == [0, 2] && first.count >= 3, "\(log.2.lines)")
      #expect(log.2 == logs[0].2 && first.waitSeconds > 0.1)
      #expect(first.waitSeconds > first.ownWaitSeconds)
      let events = log.0.filter { $0.name == "all-reduce" }
      #expect(events.map(\.lastRank) == [1, 1, 1], "rank \(rank)")
      #expect(events.map(\.byteCount) == [12, 12, 12])
      #expect(events.allSatisfy { $0.ranks == [0, 1, 2] && $0.event.queue == .communication })
      if rank != 1 { #expect(log.1.first?.rank == 1 && log.1.first?.count ?? 0 >= 3) }
      if rank != 1 { #expect(events.allSatisfy { $0.waitSeconds > 0.001 }) }
    }
  }

  @Test func theReportOfStragglersIsForPeople() {
    let report = StragglerReport([
      [.init(rank: 3, count: 800, waitSeconds: 12.41), .init(rank: 1, count: 2, waitSeconds: 0.1)],
      [.init(rank: 3, count: 812, waitSeconds: 9)], [.init(rank: 3, count: 7, waitSeconds: 0.5)],
      [.init(rank: 0, count: 1, waitSeconds: 0.3)],
    ])
    #expect(
      report.lines == [
        "rank 3 was waited for 12.4 s by ranks 0, 1, 2 (812 times), and waited 0.3 s itself",
        "rank 1 was waited for 0.1 s by rank 0 (2 times), and waited 9.0 s itself",
        "rank 0 was waited for 0.3 s by rank 3 (once), and waited 12.5 s itself",
      ])
    #expect(StragglerReport([[], []]).lines == ["no rank was waited for"])
  }
}
