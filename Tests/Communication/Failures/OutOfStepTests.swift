import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Foundation
import Testing

/// Ranks that wait for one another in places that do not see one another are named, soon; those that are only
/// waited for are not.
@Suite(.serialized) struct OutOfStepTests {
  private struct Case: Sendable {
    let disorder: Disorder
    let transport: TestTransport
  }

  /// All at once, since most of it is waiting.
  @Test func threadsOfAllTransportsAreNamed() throws {
    // Who waits by other means is only known where the kernel sees no other rank in the process.
    let cases = Disorder.allCases.filter { $0 != .threads }.flatMap { disorder in
      TestTransport.all.map { Case(disorder: disorder, transport: $0) }
    }
    let texts = try LocalGroup.run(rankCount: cases.count) { place in
      let entry = cases[place.rank]
      return try entry.transport.run(rankCount: 3) { world in
        do { try entry.disorder.run(world, isWrong: world.rank == 1) } catch { return "\(error)" }
        return "no error"
      }
    }
    for (entry, texts) in zip(cases, texts) {
      for text in texts { check(text, "\(entry.disorder), \(entry.transport.testDescription)") }
    }
  }

  private func check(_ text: String, _ name: String) {
    #expect(text.contains("out of step: they wait for one another"), "\(name): \(text)")
    for rank in 0..<3 {
      #expect(text.contains("\n    rank \(rank)"), "no operations of \(rank), \(name): \(text)")
    }
    let waits = text.matches(of: /rank (\d)[^;]* waits in [a-z-]+ \d+[^;]* for ranks? [\d, ]+/)
    // Who waits for those that wait for each other may have come a moment later.
    let ranks = Set(waits.map(\.1))
    #expect(ranks.contains("1") && ranks.count > 1, "\(name): \(text)")
  }

  /// Also all at once.
  @Test func processesAreNamedWithinTheirLimit() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("step-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let jobs = try ["shared-memory", "tcp"].flatMap { transport in
      try Disorder.allCases.map { disorder in
        let name = "\(disorder)-\(transport)"
        let job = try BesideProcess(
          [
            BuiltProgram.deepep, "launch", "-n", "3", "--", BuiltProgram.rank, "stream", transport,
            "count=20", "mistake=1:3:\(disorder)",
          ], variables: [:], output: folder.appendingPathComponent(name))
        return (name, job)
      }
    }
    for (name, job) in jobs {
      job.wait()
      let text = job.lines.joined(separator: "\n")
      #expect(job.status != 0, "\(name)")
      let start = seconds("mistake", job.lines).min() ?? 0
      let ends = seconds("ended", job.lines)
      #expect(ends.count == 3 && ends.allSatisfy { $0 - start < 5 }, "\(name): \(text)")
      for rank in 0..<3 {
        let own = job.lines.filter { $0.hasPrefix("[\(rank)] ") }.map { $0.dropFirst(4) }
        check(own.joined(separator: "\n"), "\(name), rank \(rank)")
      }
    }
  }

  @Test func aThreadThatComputesIsNoDisorder() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("step-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let jobs = try ["shared-memory", "tcp"].map { transport in
      try BesideProcess(
        [BuiltProgram.deepep, "launch", "-n", "3", "--", BuiltProgram.rank, "helper", transport],
        variables: [:], output: folder.appendingPathComponent(transport))
    }
    for job in jobs {
      job.wait()
      #expect(job.lines.sorted() == (0..<3).map { "[\($0)] right" }, "\(job.lines)")
    }
  }

  /// The times that ranks have said after a word.
  private func seconds(_ word: String, _ lines: [String]) -> [Double] {
    lines.compactMap { line in
      let parts = line.split(separator: " ")
      return parts.count == 3 && parts[1] == word ? Double(parts[2]) : nil
    }
  }

  /// Everybody waits for one rank, in a queue and beside it.
  @Test func slownessOfAThreadIsNoDisorder() throws {
    let sums = try LocalGroup.run(rankCount: TestTransport.all.count) { place in
      try TestTransport.all[place.rank].run(rankCount: 3) { try Self.sumLate($0) }
    }
    #expect(sums == Array(repeating: [[9, 3], [9, 3], [9, 3]], count: TestTransport.all.count))
  }

  /// Two sums, in a queue and beside it; rank 1 comes late to both, and rank 2 to that of the queue only.
  private static func sumLate(_ world: any Communicator) throws -> [UInt8] {
    let queue = try CommunicationQueue(world)
    let (queued, direct) = (Memory([3]), Memory([1]))
    return try withExtendedLifetime((queued, direct)) {
      if world.rank == 1 { Thread.sleep(forTimeInterval: JobLimits().restSeconds + 0.7) }
      if world.rank == 2 { try sum(direct, world) }
      let handle = queue.start(
        .allReduce(queued.constant, into: queued.mutable, element: .uint8, reduction: .sum))
      if world.rank != 2 { try sum(direct, world) }
      try handle.wait()
      return queued.bytes + direct.bytes
    }
  }

  private static func sum(_ memory: Memory, _ world: any Communicator) throws {
    try world.allReduce(
      memory.constant, into: memory.mutable, element: .uint8, reduction: .sum)
  }
}
