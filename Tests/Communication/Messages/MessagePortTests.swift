import DeepEPCommunication
import Glibc
import Testing

/// What comes from outside to the ports of the tcp transport does no harm.
@Suite struct MessagePortTests {
  @Test func strangersAndFramesWithoutSenseAreRefused() throws {
    for seed in UInt64(0)..<100 {
      let controls = LocalJobControl.job(hosts: [2])
      let texts = try LocalGroup.run(rankCount: 2) { thread in
        if thread.rank == 0 { return Self.victim(controls[0]) }
        return try Self.attack(controls[1], seed)
      }
      #expect(texts[0].contains("the ranks are out of step"), "seed \(seed): \(texts)")
      #expect(texts[1] == "nobody listens", "seed \(seed)")
    }
  }

  private static func victim(_ control: LocalJobControl) -> String {
    do { try TCP.communicator(control).barrier() } catch { return "\(error)" }
    return "no error"
  }

  /// Takes the place of rank 1 among strangers, and sends frames that make no sense.
  private static func attack(_ control: LocalJobControl, _ seed: UInt64) throws -> String {
    var random = FuzzBytes(seed: seed)
    _ = try control.exchange(MessageOptions().agreement, as: "algorithms")
    let own = [UInt8](repeating: 0, count: 18)
    let first = try control.exchange(own, as: "tcp", among: [0, 1])[0]
    let port = UInt16(first[0]) << 8 | UInt16(first[1])
    let secret = Array(first[2...])
    // Strangers, and some who know the secret but are no rank that is expected.
    let greetings =
      (0..<10).map { _ in random.bytes(upTo: 40) } + [secret + [0, 9], secret + [0, 0]]
    let clients = try greetings.map { greeting in
      let client = try RawClient(port: port)
      client.send(greeting)
      return client
    }
    let rank = try RawClient(port: port)
    rank.send(secret + [0, 1])
    rank.send((0..<16).map { _ in UInt8.random(in: 0 ... .max, using: &random) })
    rank.send(random.bytes(upTo: 100_000))
    while control.failure == nil { usleep(1000) }
    return withExtendedLifetime((clients, rank)) {
      (try? RawClient(port: port)) == nil ? "nobody listens" : "somebody listens"
    }
  }
}
