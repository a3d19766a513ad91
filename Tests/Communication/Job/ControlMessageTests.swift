import DeepEPCommunication
import Testing

/// Messages are read as they were written, and anything else is an error, never a trap.
@Suite struct ControlMessageTests {
  private static var member: Membership.Member {
    .init(hostName: "n1", hostIdentifier: "boot/n1", processIdentifier: 4711, address: "10.0.0.7")
  }

  private static var record: OperationRecord {
    OperationRecord(
      kind: "all-reduce", sequenceNumber: 17, byteCount: 24, element: .float16, reduction: .mean,
      root: 3, group: 2, startedSecondsAgo: 1.5, endedSecondsAgo: 0.25)
  }

  /// The first message of a rank.
  static func hello(_ rank: Int, of rankCount: Int) -> ControlMessage {
    .hello(
      Hello(jobName: "job", token: "secret", rank: rank, rankCount: rankCount, member: member))
  }

  static var samples: [ControlMessage] {
    var error = CommunicationError("out of step", at: "rank 1", fix: "look")
    error.lastOperations = ["rank 0: in barrier 3", ""]
    return [
      hello(2, of: 4), .refused("the token is wrong"), .member(rank: 1, member), .started,
      .heartbeat([
        RankRecords(
          rank: 3, records: [record],
          waits: RankWaits(
            restNumber: 7,
            waits: [RankWait(operation: record, ranks: [0, 2], exchange: 5)])),
        RankRecords(rank: 0, records: []),
      ]),
      .exchange(ExchangeName(name: "arena", ranks: [0, 2, 3], number: 1), [1, 2, 3]),
      .exchanged(name: "arena", number: 1, digest: .max, rank: 2, []), .fail(error), .collect,
      .failed(error), .leave([Straggler(rank: 1, count: 812, waitSeconds: 12.5)]), .left(rank: 3),
      .offer(RestartPoint(rankCounts: [4, 2], checkpoint: .init(path: "a b", step: 40))),
      .offer(RestartPoint(rankCounts: [])),
    ]
  }

  @Test(arguments: samples)
  func messagesAreReadAsTheyWereWritten(_ message: ControlMessage) throws {
    var buffer = FrameBuffer(limit: JobLimits.frameBytes)
    // A stream cuts messages anywhere.
    for byte in message.frame + message.frame {
      [byte].withUnsafeBytes { buffer.append($0) }
    }
    for _ in 0..<2 {
      let frame = try #require(try buffer.next())
      #expect(try ControlMessage(frame) == message)
    }
    #expect(try buffer.next() == nil && buffer.rest.isEmpty)
  }

  @Test(arguments: samples)
  func whatIsCutOrTooLongIsAnError(_ message: ControlMessage) {
    let bytes = Array(message.frame.dropFirst(4))
    for count in bytes.indices {
      #expect(throws: FrameError.self) { try ControlMessage(bytes[..<count]) }
    }
    #expect(throws: FrameError.self) { try ControlMessage((bytes + [0])[...]) }
  }

  @Test func theLongestMessagesFit() {
    let text = String(repeating: "x", count: 1 << 20)
    var error = CommunicationError(text, at: text, fix: text)
    error.lastOperations = Array(repeating: text, count: 1000)
    #expect(ControlMessage.failed(error).frame.count <= JobLimits.frameBytes)
    let records = RankRecords(rank: 0, records: Array(repeating: Self.record, count: 100))
    let beat = ControlMessage.heartbeat(Array(repeating: records, count: 64))
    #expect(beat.frame.count <= JobLimits.frameBytes)
    let all = ExchangeName(name: "a", ranks: Array(0..<JobLimits.rankCount))
    let bytes = [UInt8](repeating: 0, count: JobLimits.exchangeBytes)
    #expect(ControlMessage.exchange(all, bytes).frame.count <= JobLimits.frameBytes)
    let member = Membership.Member(
      hostName: text, hostIdentifier: text, processIdentifier: 0, address: text)
    let hello = Hello(jobName: text, token: text, rank: 0, rankCount: 1, member: member)
    #expect(ControlMessage.hello(hello).frame.count <= JobLimits.firstFrameBytes)
  }

  @Test func aFrameBeyondTheLimitIsRefusedBeforeItComes() {
    var buffer = FrameBuffer(limit: 1024)
    [0x01, 0x04, 0x00, 0x00 as UInt8].withUnsafeBytes { buffer.append($0) }
    #expect(throws: FrameError.self) { try buffer.next() }
  }

  /// Random bytes, and samples with random damage.
  @Test func anythingMayCome() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = FuzzBytes(seed: seed)
    var readCount = 0
    for round in 0..<100_000 {
      var bytes = random.bytes(upTo: 80)
      if round % 2 == 0 {
        bytes = Array(Self.samples[round / 2 % Self.samples.count].frame.dropFirst(4))
        for _ in 0..<1 + round % 3 where !bytes.isEmpty {
          bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        }
      }
      if let message = try? ControlMessage(bytes[...]) {
        readCount += 1
        #expect(message.frame.count <= JobLimits.frameBytes, "seed \(seed)")
      }
    }
    #expect(readCount > 0, "seed \(seed)")
  }
}
