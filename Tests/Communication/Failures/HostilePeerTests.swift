import DeepEPCommunication
import Foundation
import Testing

/// A rank that knows the secret and talks nonsense, and a hub that does: the others end, and say so.
@Suite struct HostilePeerTests {
  private static var roundCount: UInt64 {
    let text = ProcessInfo.processInfo.environment["DEEPEP_FUZZ_FRAMES"]
    return text.flatMap { UInt64($0) }.map { $0 / 500 } ?? 12
  }

  private static var limits: JobLimits {
    var limits = JobLimits()
    (limits.joinSeconds, limits.silenceSeconds) = (20, 1)
    return limits
  }

  private static func environment(_ port: UInt16) -> JobEnvironment {
    JobEnvironment(
      launcher: .deepep, rank: 0, rankCount: 2, addresses: ["127.0.0.1"], port: port,
      jobName: "job", token: "secret", isOneHost: true)
  }

  private static var member: Membership.Member {
    .init(hostName: "n1", hostIdentifier: "x", processIdentifier: 9, address: "127.0.0.1")
  }

  /// Frames that are right, damaged, or no frames at all.
  private static func words(_ random: inout FuzzBytes) -> [UInt8] {
    let samples = ControlMessageTests.samples
    return (0..<20).flatMap { _ -> [UInt8] in
      var bytes = samples[Int(random.next() % UInt64(samples.count))].frame
      let place = Int(random.next() % UInt64(bytes.count))
      switch random.next() % 4 {
      case 0: return bytes
      case 1: return random.bytes(upTo: 60)
      // Not the count, so that the damage is inside.
      case 2: bytes[max(4, place)] = UInt8(truncatingIfNeeded: random.next())
      default: bytes[place] = UInt8(truncatingIfNeeded: random.next())
      }
      return bytes
    }
  }

  /// What ends a rank that waits in an exchange which never comes.
  private static func failure(_ port: UInt16) throws -> String {
    try LocalGroup.run(rankCount: 1) { _ in
      do {
        let control = try Job.join(environment(port), limits: limits)
        defer { control.leave() }
        while true { _ = try control.exchange([1], as: "never") }
      } catch { return "\(error)" }
    }[0]
  }

  @Test func aRankThatTalksNonsenseEndsTheJob() throws {
    let seed = UInt64.random(in: 0 ... .max)
    for round in 0..<Self.roundCount {
      var random = FuzzBytes(seed: seed &+ round)
      let hub = try ControlHub(
        jobName: "job", token: "secret", rankCount: 2, limits: Self.limits
      ) { _ in }
      defer { hub.stop() }
      let rank = try RawClient(port: hub.address.port)
      let hello = Hello(
        jobName: "job", token: "secret", rank: 1, rankCount: 2, member: Self.member)
      rank.send(ControlMessage.hello(hello).frame)
      rank.send(Self.words(&random))
      let text = try Self.failure(hub.address.port)
      withExtendedLifetime(rank) {}
      #expect(!text.isEmpty && text.contains("last operations:"), "seed \(seed &+ round): \(text)")
    }
  }

  @Test func aHubThatTalksNonsenseEndsTheRank() throws {
    let seed = UInt64.random(in: 0 ... .max)
    for round in 0..<Self.roundCount {
      var random = FuzzBytes(seed: seed &+ round)
      let words = Self.words(&random)
      let server = try RawServer()
      let port = server.port
      // Of three, one does not even let the rank begin.
      let greeting =
        round % 3 == 0
        ? []
        : (0..<2).flatMap { ControlMessage.member(rank: $0, Self.member).frame }
          + ControlMessage.started.frame
      let texts = try LocalGroup.run(rankCount: 2) { thread in
        if thread.rank == 1 { return try Self.failure(port) }
        server.accept()
        server.send(greeting + words)
        server.hangUp()
        return ""
      }
      #expect(!texts[1].isEmpty, "seed \(seed &+ round)")
    }
  }
}
