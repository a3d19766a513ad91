import Foundation
import Testing

/// Ranks that are processes share memory, and end with a reason when one of them ends.
@Suite struct SharedMemoryJobTests {
  private static var program: String {
    CommandRun.executable.deletingLastPathComponent()
      .appendingPathComponent("DeepEPCommunicationRank").path
  }

  /// Starts the ranks of a scenario.
  private func job(_ rankCount: Int, _ scenario: String, in folder: URL) throws -> LaunchedJob {
    try LaunchedJob(
      ["launch", "-n", "\(rankCount)", "--", Self.program, scenario], in: folder)
  }

  @Test(arguments: [1, 2, 3, 8]) func collectivesAreTheSerialComputation(_ rankCount: Int) throws {
    try withFolder { folder in
      let job = try job(rankCount, "conformance", in: folder)
      #expect(job.status() == 0, "\(job.errors)")
      #expect(job.lines.sorted() == (0..<rankCount).map { "[\($0)] right" }, "\(job.output)")
    }
  }

  @Test func manyRoundsOfMoreRanksThanProcessors() throws {
    try withFolder { folder in
      let job = try job(8, "many", in: folder)
      #expect(job.status() == 0, "\(job.errors)")
      #expect(job.lines.sorted() == (0..<8).map { "[\($0)] right" }, "\(job.output)")
    }
  }

  @Test func slowIsNotDead() throws {
    try withFolder { folder in
      let job = try job(3, "late", in: folder)
      #expect(job.status() == 0, "\(job.errors)")
      #expect(job.lines.sorted() == (0..<3).map { "[\($0)] 3" }, "\(job.output)")
    }
  }

  @Test func ranksThatAreOutOfStepAreNamedOnAll() throws {
    try withFolder { folder in
      let job = try job(3, "out-of-step", in: folder)
      #expect(job.status() != 0)
      for rank in 0..<3 {
        let line = job.lines.first { $0.hasPrefix("[\(rank)] error: ") } ?? ""
        let calls = "ranks 0, 2: all-reduce 1 (8 bytes, int64, sum); rank 1: barrier 1"
        #expect(line.contains("the ranks are out of step: \(calls)"), "\(job.output)")
      }
    }
  }

  @Test(arguments: [SIGKILL, SIGSTOP]) func aRankThatEndsIsNamedOnAll(_ signal: Int32) throws {
    try withFolder { folder in
      let job = try job(3, "barriers", in: folder)
      let pattern = /\[(\d+)\] ready (\d+)/
      var found: [(Int, Int32)] = []
      for _ in 0..<2000 where found.count < 3 {
        found = job.output.matches(of: pattern).compactMap { match in
          Int(match.1).flatMap { rank in Int32(match.2).map { (rank, $0) } }
        }
        usleep(10_000)
      }
      let process = try #require(found.first { $0.0 == 1 }).1
      kill(process, signal)
      #expect(job.status() != 0)
      for rank in [0, 2] {
        let line = job.lines.first { $0.hasPrefix("[\(rank)] error: ") } ?? ""
        #expect(line.contains("rank 1 (host "), "\(job.output) \(job.errors)")
        #expect(line.contains("process \(process)"), "\(job.output)")
        #expect(job.output.contains("[\(rank)]     rank 1 (host "), "\(job.output)")
      }
    }
  }
}
