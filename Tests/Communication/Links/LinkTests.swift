import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPCommunicationLinks
import Glibc
import Testing

/// What goes over links between hosts, and what happens when they are cut.
@Suite(.enabled(if: LinkLaboratory.refusal == nil, "network namespaces are forbidden here"))
struct LinkTests {
  private static func sum(_ world: any Communicator, _ byteCount: Int) throws {
    let memory = Memory(Numbers.bytes(.float32, byteCount / 4, seed: world.rank))
    try world.allReduce(
      memory.constant, into: memory.mutable, element: .float32, reduction: .sum)
  }

  /// Two hosts of two ranks: a flat ring in the order of the hosts sends 3/2 of the bytes from
  /// each host, the hierarchy as many as there are; headers and acknowledgements come on top.
  @Test func hierarchiesSendAThirdLessOverTheLink() throws {
    let byteCount = 4 << 20
    let sent = try [CollectiveAlgorithm.ring, .hierarchical].map { algorithm in
      let laboratory = try LinkLaboratory(
        hostCount: 2, megabitsPerSecond: 1000, delaySeconds: 5e-4)
      var job = WiredJob(hosts: [2, 2], algorithm, over: .tcp)
      job.laboratory = laboratory
      let bytes = try job.run { world in
        try world.barrier()
        let before = laboratory.sentBytes
        try world.barrier()
        try Self.sum(world, byteCount)
        try world.barrier()
        return zip(laboratory.sentBytes, before).map { $0 - $1 }
      }
      return bytes[0].map { Double($0) / Double(byteCount) }
    }
    for host in 0..<2 {
      #expect((1.5..<1.53).contains(sent[0][host]), "\(sent)")
      #expect((1.0..<1.02).contains(sent[1][host]), "\(sent)")
    }
  }

  /// Ranks that wait for their host move their messages on: with sockets that hold next to nothing, and hosts of
  /// which one rank is always late, no order of waits stops them.
  @Test(arguments: [[2, 2], [2, 2, 2]]) func fullSocketsStopNobody(_ hosts: [Int]) throws {
    let laboratory = try LinkLaboratory(
      hostCount: hosts.count, megabitsPerSecond: 4000, delaySeconds: 1e-4)
    for host in hosts.indices { try laboratory.limitSockets(ofHost: host, byteCount: 4096) }
    var job = WiredJob(hosts: hosts, .hierarchical, over: .tcp)
    (job.laboratory, job.options.pieceBytes, job.options.timeLimitSeconds) = (
      laboratory, 1 << 18, 20
    )
    let sums = try job.run { world in
      let count = 1 << 19
      var numbers = [Float](repeating: Float(world.rank), count: count)
      for turn in 0..<3 {
        if turn == world.rank % 2 { usleep(20_000) }
        try numbers.withUnsafeMutableBytes {
          try world.allReduce(
            UnsafeRawBufferPointer($0), into: $0, element: .float32, reduction: .maximum)
          try world.broadcast($0, root: turn)
        }
      }
      return numbers.allSatisfy { $0 == Float(world.rankCount - 1) }
    }
    #expect(sums.allSatisfy { $0 })
  }

  /// Also where the job's control takes another way, and long before the limit of a slow rank.
  @Test func bytesThatNobodyAnswersAreALostLink() throws {
    let laboratory = try LinkLaboratory(hostCount: 2, megabitsPerSecond: 1000, delaySeconds: 1e-4)
    var job = WiredJob(hosts: [1, 1], .direct, over: .tcp)
    job.laboratory = laboratory
    let texts = try job.run { world in
      try Self.sum(world, 4096)
      usleep(50_000)
      laboratory.setConnected(1, false)
      do { try Self.sum(world, 4096) } catch { return "\(error)" }
      return "no error"
    }
    #expect(texts.allSatisfy { $0.contains("is lost: what was sent is not answered") }, "\(texts)")
    #expect(Set(texts).count == 1, "\(texts)")
  }

  @Test func aLinkThatIsCutIsNamed() throws {
    let laboratory = try LinkLaboratory(hostCount: 2, megabitsPerSecond: 1000, delaySeconds: 1e-4)
    var job = WiredJob(hosts: [1, 1], .direct, over: .tcp)
    job.laboratory = laboratory
    job.options.timeLimitSeconds = 0.5
    let texts = try job.run { world in
      try Self.sum(world, 4096)
      // What this rank has sent may still be on its way.
      usleep(50_000)
      laboratory.setConnected(1, false)
      do { try Self.sum(world, 4096) } catch { return "\(error)" }
      return "no error"
    }
    #expect(texts.allSatisfy { $0.contains("nothing moved for 0.5 s; waiting for rank ") })
    #expect(Set(texts).count == 1, "\(texts)")
  }
}
