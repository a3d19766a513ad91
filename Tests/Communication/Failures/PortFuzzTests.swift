import DeepEPCommunication
import DeepEPEvents
import Foundation
import Testing

/// Whatever comes to the ports of a job, it goes on, and takes no more memory than it says.
///
/// `make failures` asks for 100,000 frames on each port by `DEEPEP_FUZZ_FRAMES`.
@Suite(.serialized) struct PortFuzzTests {
  private static var frameCount: Int {
    ProcessInfo.processInfo.environment["DEEPEP_FUZZ_FRAMES"].flatMap { Int($0) } ?? 2000
  }

  /// What strangers may make a process take, in bytes: each has a first message and what is read at once, and
  /// the allocator keeps what it has had.
  private static var limitBytes: Int { 8 << 20 }

  @Test func anythingMayComeToEveryPort() throws {
    let seed = UInt64.random(in: 0 ... .max)
    try withMeeting { job, processes in
      let launcher = try #require(job.launcher)
      let supervisor = try #require(job.supervisor(of: processes[0]))
      // The hub, the rank that waits for others at its port; and nobody else.
      let ports = [launcher, processes[0]].map { ($0, ListeningPorts.of($0)) }
      #expect(ports.allSatisfy { $0.1.count == 1 }, "\(ports)")
      #expect(ListeningPorts.of(supervisor).isEmpty && ListeningPorts.of(processes[1]).isEmpty)
      let token = try #require(Self.token(processes[0]))
      for (process, list) in ports {
        let port = try #require(list.first)
        // What it takes anyway for the first of them.
        _ = try Self.send(300, to: port, token, seed)
        let before = try #require(ProcessTable.peakBytes(process))
        let sent = try Self.send(Self.frameCount, to: port, token, seed &+ 1)
        let after = try #require(ProcessTable.peakBytes(process))
        #expect(sent == Self.frameCount, "seed \(seed)")
        // All of that was taken, and the next one is heard at once.
        // As long as a rank's greeting: a port that is closed upon unread bytes resets the connection.
        let request = Array("GET / HTTP/1.1\r\n\r\n".utf8)
        let answer = try RawClient(port: port).answer(to: request)
        #expect(
          String(decoding: answer, as: UTF8.self).contains("1024 are allowed")
            == (process == launcher))
        #expect(after - before < Self.limitBytes, "\(after - before) bytes, seed \(seed)")
        let whose =
          process == launcher ? "the hub's port" : "the port of a rank that waits for others"
        try DisturbanceReport.add(
          "\(sent) random and damaged frames on \(whose): no crash, no hang, \((after - before) >> 10) KiB "
            + "more memory at the peak.")
      }
      let silent = try ports.flatMap { _, list in
        try (0..<300).map { _ in try RawClient(port: list[0]) }
      }
      for (_, list) in ports {
        // Hundreds who say nothing do not keep the next one waiting.
        _ = try RawClient(port: list[0]).answer(to: Array("GET / HTTP/1.1\r\n\r\n".utf8))
      }
      withExtendedLifetime(silent) {}
      #expect(!job.isOver && (0..<2).allSatisfy { job.said("ended", $0) == nil }, "\(job.text)")
      // The job still hears of what happens in it.
      kill(processes[1], SIGKILL)
      try job.wait(seconds: 20) { job.isOver }
      let lines = job.lines(0)
      #expect(
        lines.contains { $0.contains("process \(processes[1])) was killed by signal 9") },
        "\(lines)")
    }
  }

  /// Two ranks, of which the first waits at its port for the other.
  private func withMeeting(_ body: (DisturbedJob, [Int32]) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fuzz-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let job = try DisturbedJob(.meeting, in: folder)
    defer { job.finish() }
    let processes = try job.rankProcesses()
    try job.wait { job.said("holding", 1) != nil && !ListeningPorts.of(processes[0]).isEmpty }
    try body(job, processes)
  }

  /// The secret of a job, which only processes of the same user can read.
  private static func token(_ process: Int32) -> String? {
    ProcFile.text("/proc/\(process)/environ").split(separator: "\0")
      .first { $0.hasPrefix("DEEPEP_JOB_TOKEN=") }.map { String($0.dropFirst(17)) }
  }

  // MARK: Frames

  /// Sends frames, each on a connection of its own, some of which stay open for a while.
  ///
  /// - Returns: how many the port took.
  private static func send(
    _ count: Int, to port: UInt16, _ token: String, _ seed: UInt64
  ) throws -> Int {
    var random = FuzzBytes(seed: seed)
    var open: [RawClient] = []
    for round in 0..<count {
      let client = try RawClient(port: port)
      client.send(frame(round, token, &random))
      if round % 50 == 0 { open.append(client) }
      if open.count > 40 { open.removeFirst(20) }
    }
    return count
  }

  private static func frame(
    _ round: Int, _ token: String, _ random: inout FuzzBytes
  ) -> [UInt8] {
    let samples = ControlMessageTests.samples
    switch round % 6 {
    case 0: return random.bytes(upTo: 200)
    case 1: return damaged(samples[round / 6 % samples.count].frame, &random)
    case 2: return damaged(hello(token, &random).frame, &random)
    // Counts that promise what does not come.
    case 3: return (0..<4).map { _ in UInt8.random(in: 0 ... .max, using: &random) } + [1]
    case 4: return hello(token, &random).frame + random.bytes(upTo: 3000)
    default:
      return [UInt8](
        repeating: UInt8(truncatingIfNeeded: round), count: round % 997 == 5 ? 1 << 20 : 20)
    }
  }

  private static func damaged(_ bytes: [UInt8], _ random: inout FuzzBytes) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.next() % 3 {
      bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
    }
    return bytes
  }

  /// One that knows the secret, of a rank that is there already or is none.
  private static func hello(_ token: String, _ random: inout FuzzBytes) -> ControlMessage {
    .hello(
      Hello(
        jobName: "job", token: token, rank: Int(random.next() % 3), rankCount: 2,
        member: .init(
          hostName: "n", hostIdentifier: "n", processIdentifier: 1, address: "127.0.0.1")))
  }
}
