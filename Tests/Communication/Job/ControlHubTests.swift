import DeepEPCommunication
import Foundation
import Synchronization
import Testing

/// The hub and the ranks' ends over real sockets; the ranks are threads of the test.
@Suite struct ControlHubTests {
  /// What the hub said to a person.
  private final class Notices: Sendable {
    let all = Mutex<[String]>([])
    func add(_ text: String) { all.withLock { $0.append(text) } }
    var texts: [String] { all.withLock { $0 } }
  }

  private func environment(
    _ rank: Int, _ count: Int, _ port: UInt16, token: String = "secret", job: String = "job"
  ) -> JobEnvironment {
    JobEnvironment(
      launcher: .deepep, rank: rank, rankCount: count, addresses: ["127.0.0.1"], port: port,
      jobName: job, token: token, isOneHost: true)
  }

  private static var limits: JobLimits {
    var limits = JobLimits()
    limits.joinSeconds = 20
    return limits
  }

  /// What each rank of a new job returned or threw, as text.
  private func run(
    _ count: Int, hub: (ControlHub) throws -> Void = { _ in },
    _ body: @escaping @Sendable (any JobControl) throws -> String
  ) throws -> [String] {
    let served = try ControlHub(
      jobName: "job", token: "secret", rankCount: count, limits: Self.limits
    ) { _ in }
    try hub(served)
    let port = served.address.port
    defer { served.stop() }
    return try LocalGroup.run(rankCount: count) { communicator in
      let environment = environment(communicator.rank, count, port)
      let control = try Job.join(environment, limits: Self.limits)
      defer { control.leave() }
      do { return try body(control) } catch { return "\(error)" }
    }
  }

  @Test(arguments: [1, 2, 5])
  func ranksMeetAndExchange(_ count: Int) throws {
    let texts = try run(count) { control in
      let own = [UInt8](repeating: UInt8(control.rank), count: control.rank)
      let all = try control.exchange(own, as: "arena")
      let expected = (0..<count).map { [UInt8](repeating: UInt8($0), count: $0) }
      let again = try control.exchange([7], as: "arena")
      let some = try control.rank == 0 ? [] : control.exchange([], as: "a", among: [control.rank])
      let isRight = all == expected && again == Array(repeating: [7], count: count)
      return "\(isRight && some.count == min(1, control.rank)) \(control.membership.hosts)"
    }
    #expect(texts == Array(repeating: "true \([Array(0..<count)])", count: count))
  }

  @Test func oneRankFailsAndAllHearOfIt() throws {
    let texts = try run(3) { control in
      _ = control.recorder.begin("all-reduce", sequenceNumber: 17, byteCount: 24)
      if control.rank == 1 {
        _ = try control.exchange([], as: "nobody", among: [1])
        throw control.fail(CommunicationError("out of step", at: "rank 1", fix: "look"))
      }
      _ = try control.exchange([], as: "never")
      return "no failure"
    }
    #expect(Set(texts).count == 1)
    #expect(texts[0].hasPrefix("out of step (rank 1)\n  look\n  last operations:\n"), "\(texts[0])")
    for rank in 0..<3 { #expect(texts[0].contains("\n    rank \(rank) (host "), "\(texts[0])") }
    #expect(texts[0].contains("in all-reduce 17 (24 bytes) for 0."), "\(texts[0])")
  }

  /// A rank that ends without having read everything resets its connection; what it said before is heard, also if the
  /// hub finds first that it cannot write any more.
  @Test func aRankThatLeavesIsHeardThoughItsConnectionIsReset() throws {
    for _ in 0..<8 {
      let (isBusy, mayGoOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
      let hub = try ControlHub(
        jobName: "job", token: "secret", rankCount: 8, limits: Self.limits
      ) { _ in
        isBusy.signal()
        mayGoOn.wait()
      }
      defer { hub.stop() }
      var ranks = try (0..<8).map { rank in
        let client = try RawClient(port: hub.address.port)
        client.send(ControlMessageTests.hello(rank, of: 8).frame)
        return client
      }
      for rank in ranks { try rank.peek() }
      // Between two ranks, the hub is kept from reading by telling of a stranger.
      let stranger = try RawClient(port: hub.address.port)
      stranger.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
      isBusy.wait()
      for rank in ranks { rank.send(ControlMessage.leave([]).frame) }
      ranks = []
      mayGoOn.signal()
      hub.waitUntilOver()
      // A failure is settled in the turn after.
      usleep(50_000)
      #expect(hub.failure == nil)
    }
  }

  @Test func theExitOfAProcessIsTheReason() throws {
    let kept = Mutex<ControlHub?>(nil)
    let texts = try run(2, hub: { hub in kept.withLock { $0 = hub } }) { control in
      if control.rank == 1 { kept.withLock { $0 }?.exited(1, .signal(9)) }
      while true { try control.check() }
    }
    for text in texts { #expect(text.contains("was killed by signal 9 (Killed)"), "\(text)") }
  }

  @Test func whoDoesNotBelongIsToldWhyOnBothSides() throws {
    let notices = Notices()
    let hub = try ControlHub(
      jobName: "job", token: "secret", rankCount: 1, limits: Self.limits
    ) { notices.add($0) }
    defer { hub.stop() }
    let port = hub.address.port
    let wrong = [
      (environment(0, 1, port, token: "other"), "the token is not that of job job"),
      (environment(0, 1, port, job: "job2"), "this is job job, the rank belongs to job job2"),
      (environment(0, 2, port), "the job has 1 ranks, rank 0 thinks 2"),
    ]
    for (environment, reason) in wrong {
      let error = #expect(throws: CommunicationError.self) {
        try Job.join(environment, limits: Self.limits)
      }
      #expect(error?.what == "this rank was refused: \(reason)")
      #expect(notices.texts.last?.hasSuffix(": \(reason)") == true, "\(notices.texts)")
    }
    let control = try Job.join(environment(0, 1, port), limits: Self.limits)
    let twice = #expect(throws: CommunicationError.self) {
      try Job.join(environment(0, 1, port), limits: Self.limits)
    }
    #expect(twice?.what.contains("rank 0 has joined already") == true)
    control.leave()
  }

  @Test func strangersAndOtherVersionsAreRefused() throws {
    let notices = Notices()
    let hub = try ControlHub(
      jobName: "job", token: "secret", rankCount: 1, limits: Self.limits
    ) { notices.add($0) }
    defer { hub.stop() }
    var version = ControlMessageTests.samples[0].frame
    version[13] = 9
    for (bytes, reason) in [
      (Array("GET / HTTP/1.1\r\n\r\n".utf8), "a message of 542393671 bytes, 1024 are allowed"),
      (version, "version 9 of the control protocol, here it is \(Hello.protocolVersion)"),
      (ControlMessage.leave([]).frame, "the first message is not that of a rank"),
    ] {
      let answer = try RawClient(port: hub.address.port).answer(to: bytes)
      #expect(answer == ControlMessage.refused(reason).frame)
      #expect(notices.texts.last?.hasSuffix(": \(reason)") == true, "\(notices.texts)")
    }
  }

  @Test func aTakenPortIsNamed() throws {
    let hub = try ControlHub(jobName: "a", token: "", rankCount: 1) { _ in }
    defer { hub.stop() }
    let port = hub.address.port
    let error = #expect(throws: CommunicationError.self) {
      try ControlHub(jobName: "b", token: "", rankCount: 1, port: port) { _ in }
    }
    #expect(error?.what == "port \(port) is taken by another process")
  }

  /// A rank that joins and then says nothing, as a stopped process does.
  @Test func aSilentRankIsNamed() throws {
    var limits = Self.limits
    limits.silenceSeconds = 0.5
    let hub = try ControlHub(
      jobName: "job", token: "secret", rankCount: 2, limits: limits
    ) { _ in }
    defer { hub.stop() }
    let silent = try RawClient(port: hub.address.port)
    let hello = Hello(
      jobName: "job", token: "secret", rank: 1, rankCount: 2,
      member: .init(
        hostName: "n1", hostIdentifier: "x", processIdentifier: 9, address: "127.0.0.1"))
    silent.send(ControlMessage.hello(hello).frame)
    let control = try Job.join(environment(0, 2, hub.address.port), limits: limits)
    let error = #expect(throws: CommunicationError.self) {
      _ = try control.exchange([], as: "never")
    }
    #expect(
      error?.what.hasPrefix("rank 1 (host n1, process 9) was not heard for ") == true,
      "\(String(describing: error))")
    control.leave()
  }

  /// The hub of the ranks is gone: each of them ends, and names it.
  @Test func aLostHubIsNamed() throws {
    let hub = try ControlHub(
      jobName: "job", token: "secret", rankCount: 1, limits: Self.limits
    ) { _ in }
    let control = try Job.join(environment(0, 1, hub.address.port), limits: Self.limits)
    hub.stop()
    let error = #expect(throws: CommunicationError.self) {
      while true { try control.check() }
    }
    #expect(error?.what == "the launcher is lost: its connection ended: the other side closed it")
  }

  /// Random bytes on the listening port while a job goes on.
  ///
  /// `DEEPEP_FUZZ_FRAMES` asks for more.
  @Test func strangersDoNotDisturbAJob() throws {
    let count =
      ProcessInfo.processInfo.environment["DEEPEP_FUZZ_FRAMES"].flatMap { Int($0) } ?? 2000
    let seed = UInt64.random(in: 0 ... .max)
    let texts = try run(2) { control in
      let address = control.membership.members[0].address
      #expect(address == "127.0.0.1")
      if control.rank == 0 {
        let port = try #require(Self.port(of: control))
        var random = FuzzBytes(seed: seed)
        for round in 0..<count { try Self.disturb(port, round, &random) }
      }
      // More exchanges than before, on the connections that were there.
      for _ in 0..<20 { _ = try control.exchange([1], as: "still there") }
      return "well"
    }
    #expect(texts == ["well", "well"], "seed \(seed)")
  }

  private static func port(of control: any JobControl) -> UInt16? {
    (control as? RankControl)?.hubPort
  }

  private static func disturb(_ port: UInt16, _ round: Int, _ random: inout FuzzBytes) throws {
    let client = try RawClient(port: port)
    var bytes = random.bytes(upTo: 200)
    if round % 2 == 0 {
      bytes = ControlMessageTests.samples[round / 2 % ControlMessageTests.samples.count].frame
      let place = Int(random.next() % UInt64(bytes.count))
      bytes[place] = UInt8(truncatingIfNeeded: random.next())
    }
    client.send(bytes)
  }
}
