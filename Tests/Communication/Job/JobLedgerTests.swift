import DeepEPCommunication
import Testing

/// What follows from what ranks say, without sockets and clocks.
@Suite struct JobLedgerTests {
  private func hello(_ rank: Int, job: String = "job", token: String = "secret", of count: Int = 3)
    -> Hello
  {
    Hello(
      jobName: job, token: token, rank: rank, rankCount: count,
      member: .init(
        hostName: "n\(rank)", hostIdentifier: "host\(rank)", processIdentifier: Int32(100 + rank),
        address: "10.0.0.\(rank)"))
  }

  private func ledger(joined: Range<Int> = 0..<3) -> JobLedger {
    var ledger = JobLedger(jobName: "job", token: "secret", rankCount: 3, limits: JobLimits())
    for rank in joined { #expect(ledger.admit(hello(rank), now: 0) == nil) }
    return ledger
  }

  private func beat(_ rank: Int, sequenceNumber: Int = 5) -> ControlMessage {
    .heartbeat([
      RankRecords(
        rank: rank, records: [OperationRecord(kind: "barrier", sequenceNumber: sequenceNumber)])
    ])
  }

  @Test func whoDoesNotBelongIsToldWhy() {
    var ledger = ledger(joined: 0..<2)
    let reasons = [
      (hello(2, job: "other"), "this is job job, the rank belongs to job other"),
      (hello(2, token: "Secret"), "the token is not that of job job"),
      (hello(2, of: 4), "the job has 3 ranks, rank 2 thinks 4"),
      (hello(3), "there is no rank 3"),
      (hello(1), "rank 1 has joined already, from process 101 of host n1"),
    ]
    for (hello, reason) in reasons { #expect(ledger.admit(hello, now: 0) == reason) }
    #expect(ledger.admit(hello(2), now: 0) == nil)
  }

  @Test func allMembersAreToldOnceAllHaveCome() {
    var ledger = ledger(joined: 0..<2)
    #expect(ledger.takeEffects() == [])
    #expect(ledger.admit(hello(2), now: 0) == nil)
    let effects = ledger.takeEffects()
    #expect(effects.count == 4)
    #expect(effects[1] == .broadcast(.member(rank: 1, hello(1).member), ranks: [0, 1, 2]))
    #expect(effects[3] == .broadcast(.started, ranks: [0, 1, 2]))
  }

  /// A rank that was not heard, or that a signal has ended, is dead; one that has ended with a status is not.
  @Test func theDeadAreToldFromThoseThatGaveUp() throws {
    let ends: [(Int?, (inout JobLedger) throws -> Void)] = [
      (1, { $0.exited(1, .signal(9), now: 1) }), (1, { $0.stopped(1, now: 1) }),
      (2, { $0.lost(2, "its agent ended", now: 1) }), (nil, { $0.exited(1, .code(3), now: 1) }),
      (nil, { try $0.receive(.fail(.init("bad", at: "rank 0", fix: "look")), from: 0, now: 1) }),
    ]
    for (rank, end) in ends {
      var ledger = ledger()
      try end(&ledger)
      ledger.settle(now: 2)
      #expect(ledger.failure != nil && ledger.deadRank == rank)
    }
  }

  @Test func theBestReasonIsTold() throws {
    var ledger = ledger()
    try ledger.receive(beat(1), from: 1, now: 0.9)
    _ = ledger.takeEffects()
    ledger.disconnected(1, reason: "closed", now: 1)
    let report = CommunicationError("rank 1 does not answer", at: "rank 0", fix: "look")
    try ledger.receive(.fail(report), from: 0, now: 1)
    #expect(
      ledger.takeEffects() == [.send(.collect, rank: 0), .send(.collect, rank: 2)])
    for rank in [0, 2] { try ledger.receive(beat(rank, sequenceNumber: 7), from: rank, now: 1) }
    ledger.settle(now: 1.001)
    #expect(ledger.failure == nil && ledger.isCollecting)
    ledger.exited(1, .signal(9), now: 1.02)
    ledger.settle(now: 1.02)
    let failure = try #require(ledger.failure)
    #expect(failure.what == "rank 1 (host n1, process 101) was killed by signal 9 (Killed)")
    #expect(failure.place == "job job, its last operation barrier 5")
    #expect(
      failure.lastOperations == [
        "rank 0 (host n0, process 100): in barrier 7 for 0.020 s",
        "rank 1 (host n1, process 101): in barrier 5 for 0.120 s",
        "rank 2 (host n2, process 102): in barrier 7 for 0.020 s",
      ])
    #expect(
      ledger.takeEffects() == [.send(.failed(failure), rank: 0), .send(.failed(failure), rank: 2)])
  }

  @Test func whoDoesNotReportIsNotWaitedForLong() {
    var ledger = ledger()
    ledger.disconnected(0, reason: "closed", now: 1)
    ledger.settle(now: 1 + 0.9 * JobLimits().reportSeconds)
    #expect(ledger.failure == nil)
    ledger.settle(now: 1.05)
    #expect(ledger.failure?.what.hasSuffix("its connection ended: closed") == true)
  }

  @Test func silenceIsAFailureAndSlownessIsNot() throws {
    let limit = JobLimits().silenceSeconds
    var ledger = ledger()
    for tenth in 0..<50 {
      let now = Double(tenth) / 10
      for rank in 0..<2 { try ledger.receive(beat(rank), from: rank, now: now) }
      if now < limit { try ledger.receive(beat(2), from: 2, now: now) }
      ledger.tick(now: now)
      #expect(ledger.failure == nil || now > 2 * limit - 0.2)
    }
    ledger.tick(now: 5.1)
    let what = try #require(ledger.failure).what
    #expect(what.hasPrefix("rank 2 (host n2, process 102) was not heard for 2."), "\(what)")
  }

  @Test func leavingIsNoFailure() throws {
    var ledger = ledger()
    try ledger.receive(.leave([]), from: 1, now: 1)
    ledger.disconnected(1, reason: "closed", now: 1)
    ledger.exited(1, .code(0), now: 1)
    ledger.settle(now: 2)
    #expect(!ledger.isCollecting && ledger.failure == nil && !ledger.isOver)
    #expect(
      ledger.takeEffects().suffix(2) == [
        .send(.left(rank: 1), rank: 0), .send(.left(rank: 1), rank: 2),
      ])
    for rank in [0, 2] {
      try ledger.receive(.leave([]), from: rank, now: 1)
      ledger.disconnected(rank, reason: "closed", now: 1)
    }
    #expect(ledger.isOver && ledger.failure == nil)
  }

  /// The launcher may see the end of a process before the hub has read its last words.
  @Test func anEndThatOvertakesTheLeaveIsNoFailure() throws {
    for leaves in [true, false] {
      var ledger = ledger()
      ledger.exited(1, .code(0), now: 1)
      ledger.settle(now: 2)
      #expect(ledger.failure == nil && !ledger.isCollecting)
      if leaves { try ledger.receive(.leave([]), from: 1, now: 2) }
      ledger.disconnected(1, reason: "closed", now: 2)
      ledger.settle(now: 3)
      let what = "rank 1 (host n1, process 101) ended without leaving the job"
      #expect(ledger.failure?.what == (leaves ? nil : what))
    }
  }

  @Test func programsThatNeverJoinMayEndAsTheyLike() {
    var ledger = ledger(joined: 0..<0)
    ledger.exited(0, .code(3), now: 1)
    ledger.settle(now: 2)
    #expect(ledger.failure == nil && !ledger.isCollecting)
    // Who waits for one of them hears of it.
    #expect(ledger.admit(hello(1), now: 3) == nil)
    ledger.settle(now: 4)
    #expect(ledger.failure?.what == "rank 0 ended with status 3")
  }

  @Test func ranksThatDoNotComeAreNamed() {
    var ledger = ledger(joined: 1..<2)
    for second in 1...122 {
      try? ledger.receive(beat(1), from: 1, now: Double(second))
      ledger.tick(now: Double(second))
    }
    #expect(ledger.failure?.what == "ranks 0, 2 did not join within 120.0 s")
  }

  /// A rank that waits for the others is heard as well: its host may be cut off by then.
  @Test func whoFallsSilentBeforeAllHaveComeIsNamed() {
    var ledger = ledger(joined: 1..<2)
    for second in 1...4 { ledger.tick(now: Double(second)) }
    let what = ledger.failure?.what ?? ""
    #expect(what.hasPrefix("rank 1 (host n1, process 101) was not heard for 3.0 s"), "\(what)")
  }

  /// What has not joined is known by where its process was started.
  @Test func whoIsStoppedOrKilledBeforeItJoinsIsNamed() {
    for isStopped in [false, true] {
      var ledger = ledger(joined: 0..<2)
      ledger.started(2, host: "n7", processIdentifier: 4711)
      if isStopped { ledger.stopped(2, now: 1) } else { ledger.exited(2, .signal(9), now: 1) }
      ledger.settle(now: 2)
      let what = ledger.failure?.what ?? ""
      let end =
        isStopped ? "is stopped: its process has got a signal such as SIGSTOP" : "was killed"
      #expect(what.hasPrefix("rank 2 (host n7, process 4711) \(end)"), "\(what)")
    }
  }

  private typealias Waits = (number: UInt64, waits: [(String, ranks: [Int])])

  private func beat(_ rank: Int, _ waits: Waits) -> ControlMessage {
    let all = waits.waits.map {
      RankWait(operation: OperationRecord(kind: $0, sequenceNumber: 5), ranks: $1)
    }
    return .heartbeat([
      RankRecords(rank: rank, records: [], waits: RankWaits(restNumber: waits.number, waits: all))
    ])
  }

  /// The failure of a job whose ranks say every 50 ms for whom they wait.
  private func failure(_ waits: (_ rank: Int, _ tick: Int) -> Waits?) throws -> String? {
    var ledger = ledger()
    for tick in 0..<60 {
      let now = Double(tick) / 20
      for rank in 0..<3 {
        if let waits = waits(rank, tick) {
          try ledger.receive(beat(rank, waits), from: rank, now: now)
        }
      }
      ledger.tick(now: now)
    }
    return ledger.failure?.what
  }

  /// Rank 1 is in a group that it makes, the others sum.
  private static func circle(_ rank: Int) -> Waits {
    (7, rank == 1 ? [("group", [0, 2])] : [("all-reduce", [1])])
  }

  @Test func ranksThatWaitForOneAnotherAreOutOfStep() throws {
    let what = try failure { rank, _ in Self.circle(rank) } ?? ""
    let calls = """
      rank 0 (host n0, process 100) waits in all-reduce 5 for rank 1; \
      rank 1 (host n1, process 101) waits in group 5 for ranks 0, 2; \
      rank 2 (host n2, process 102) waits in all-reduce 5 for rank 1
      """
    #expect(what.hasSuffix("they wait for one another, and nothing moves: " + calls), "\(what)")
    // One computes; one goes on from time to time; one is not heard any more.
    #expect(try failure { rank, _ in rank == 1 ? (0, []) : Self.circle(rank) } == nil)
    #expect(
      try failure { rank, tick in
        rank == 1 ? (UInt64(tick / 30) * 2 + 1, [("group", [0, 2])]) : Self.circle(rank)
      } == nil)
    #expect(
      try failure { rank, tick in
        rank == 1 && tick > 15 ? nil : Self.circle(rank)
      } == nil)
  }

  @Test func ranksBesideACircleAreNot() throws {
    // Rank 2 computes, and the others do not need it.
    let pair = try failure { rank, _ in rank == 2 ? (0, []) : (3, [("barrier", [1 - rank])]) } ?? ""
    #expect(pair.contains("rank 0 (") && pair.contains("rank 1 ("), "\(pair)")
    #expect(!pair.contains("rank 2 ("), "\(pair)")
    // A thread of rank 0 waits for rank 2, which computes: it may come to the barrier then.
    let chain = try failure { rank, _ in
      switch rank {
      case 0: (3, [("barrier", [1]), ("send", [2])])
      case 1: (3, [("barrier", [0])])
      default: (0, [])
      }
    }
    #expect(chain == nil)
    // The same, when the second thread is in the circle too.
    let threads = try failure { rank, _ in
      rank == 2 ? (0, []) : (3, [("barrier", [1 - rank]), ("send", [1 - rank])])
    }
    #expect(threads?.contains("in barrier 5 for rank 1, and in send 5 for rank 1") == true)
  }

  /// Of an exchange only the hub knows who is missing.
  @Test func whoIsMissingInAnExchangeIsKnown() throws {
    let name = ExchangeName(name: "arena", ranks: [0, 1, 2])
    for isCircle in [true, false] {
      var ledger = ledger()
      for rank in 0..<2 { try ledger.receive(.exchange(name, []), from: rank, now: 0) }
      for tick in 0..<60 {
        let operation = OperationRecord(kind: "exchange", sequenceNumber: 0)
        let wait = RankWait(operation: operation, ranks: [], exchange: name.identity)
        for rank in 0..<2 {
          try ledger.receive(
            .heartbeat([
              RankRecords(rank: rank, records: [], waits: RankWaits(restNumber: 1, waits: [wait]))
            ]), from: rank, now: Double(tick) / 20)
        }
        let barrier: Waits = isCircle ? (1, [("barrier", [0])]) : (0, [])
        try ledger.receive(beat(2, barrier), from: 2, now: Double(tick) / 20)
        ledger.tick(now: Double(tick) / 20)
      }
      let what = ledger.failure?.what
      if isCircle {
        #expect(what?.contains("process 101) waits in exchange 0 for rank 2;") == true)
      } else {
        #expect(what == nil)
      }
    }
  }

  @Test func messagesThatMakeNoSenseAreErrors() {
    var ledger = ledger()
    let wrong: [ControlMessage] = [
      .started, .collect, .left(rank: 0), beat(1), .heartbeat([]),
      .exchange(ExchangeName(name: "a", ranks: [1, 2]), []),
      .exchange(ExchangeName(name: "a", ranks: [0, 3]), []),
      .exchange(ExchangeName(name: "a", ranks: [2, 0]), []), .hello(hello(0)),
    ]
    for message in wrong {
      #expect(throws: FrameError.self) { try ledger.receive(message, from: 0, now: 1) }
    }
  }
}
