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
      let memory = Memory([1, 0, 0, 0, 0, 0, 0, 0])
      let other = Memory([UInt8(world.rank)])
      // Each doubles what the one before it made; the other queue goes the other way around.
      let handles = (0..<20).map { _ in
        first.start(
          .allReduce(memory.constant, into: memory.mutable, element: .int64, reduction: .sum))
      }
      let maximum = second.start(
        .allReduce(other.constant, into: other.mutable, element: .uint8, reduction: .maximum))
      try world.barrier()
      try maximum.wait()
      for handle in handles { try handle.wait() }
      #expect(handles.allSatisfy { $0.isOver })
      // One barrier on no queue, and what was started on each of them.
      let events = world.log?.recent.filter { $0.name != "group" } ?? []
      let counts = (0...2).map { queue in events.count { $0.queue == queue } }
      #expect(counts == [1, 20, 1])
      return [memory.constant.loadUnaligned(as: Int.self), Int(other.bytes[0])]
    }
    let power = (0..<20).reduce(1) { product, _ in product * 3 }
    #expect(sums == [[power, 2], [power, 2], [power, 2]])
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
        let handle = queue.start(.broadcast(memory.mutable, root: 5))
        do { try handle.wait() } catch { return "\(error)" }
        return ""
      }
    }
    #expect(texts[0].contains("there is no rank 5"), "\(texts)")
  }

  @Test(arguments: TestTransport.all)
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
