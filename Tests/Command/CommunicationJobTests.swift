import Foundation
import Testing

/// Ranks that are processes work together over every transport, and end with a reason when one of them ends.
@Suite struct CommunicationJobTests {
  private static var transports: [String] { ["shared-memory", "tcp", "ucx"] }

  /// Starts the ranks of a scenario.
  ///
  /// - Parameter options: of `deepep launch`.
  private func job(
    _ rankCount: Int, _ scenario: String, _ transport: String, seed: String = "0",
    options: [String] = [], in folder: URL
  ) throws -> LaunchedJob {
    let words = ["launch", "-n", "\(rankCount)"] + options
    return try LaunchedJob(
      words + ["--", CommandRun.communicationRank, scenario, transport, seed], in: folder)
  }

  @Test(arguments: [1, 2, 3, 8], transports)
  func collectivesAreTheSerialComputation(_ rankCount: Int, _ transport: String) throws {
    try withFolder { folder in
      let seed = Conformance.seed
      let job = try job(rankCount, "conformance", transport, seed: seed, in: folder)
      Conformance.check(job, rankCount: rankCount, seed: seed)
    }
  }

  /// Hosts that share memory within, and send messages between them.
  @Test(arguments: [4, 6, 8]) func hostsWorkTogether(_ rankCount: Int) throws {
    try withFolder { folder in
      let (seed, hosts) = (Conformance.seed, try LaunchedJob.twoHosts(in: folder))
      let job = try job(rankCount, "hierarchy", "tcp", seed: seed, options: hosts, in: folder)
      Conformance.check(job, rankCount: rankCount, seed: seed)
    }
  }

  @Test(arguments: transports)
  func manyRoundsOfMoreRanksThanProcessors(_ transport: String) throws {
    try withFolder { folder in
      let job = try job(8, "many", transport, in: folder)
      #expect(job.status() == 0, "\(job.errors)")
      #expect(job.lines.sorted() == (0..<8).map { "[\($0)] right" }, "\(job.output)")
    }
  }

  @Test(arguments: transports) func slowIsNotDeadAndTheLauncherSaysWhoWasWaitedFor(
    _ transport: String
  ) throws {
    try withFolder { folder in
      let job = try job(3, "late", transport, options: ["--report-stragglers"], in: folder)
      #expect(job.status() == 0, "\(job.errors)")
      #expect(job.lines.sorted() == (0..<3).map { "[\($0)] 3" }, "\(job.output)")
      let report = /deepep launch: rank (\d) was waited for (\d+\.\d) s by ranks? (\d)/
      let first = try #require(job.errors.firstMatch(of: report), "\(job.errors)")
      // Ranks may begin one after another.
      #expect(first.1 == "1" && first.3 == "0" && Double(first.2) ?? 0 > 1, "\(job.errors)")
    }
  }

  @Test(arguments: transports)
  func ranksThatAreOutOfStepAreNamedOnAll(_ transport: String) throws {
    try withFolder { folder in
      let job = try job(3, "out-of-step", transport, in: folder)
      #expect(job.status() != 0)
      for rank in 0..<3 {
        let line = job.lines.first { $0.hasPrefix("[\(rank)] error: ") } ?? ""
        let calls = "ranks 0, 2: all-reduce 1 (8 bytes, int64, sum); rank 1: barrier 1"
        let isComplete =
          transport != "shared-memory" || line.contains("the ranks are out of step: \(calls)")
        #expect(isComplete && line.contains("the ranks are out of step: "), "\(job.output)")
        #expect(line.contains("all-reduce 1 (") && line.contains("barrier 1"), "\(job.output)")
      }
    }
  }

  @Test(arguments: ["/nowhere/libucp.so.0", "libm.so.6"])
  func withoutUCXAJobSaysWhatToInstall(_ library: String) throws {
    try withFolder { folder in
      let job = try LaunchedJob(
        ["launch", "-n", "2", "--", CommandRun.communicationRank, "conformance", "ucx"], in: folder,
        variables: ["DEEPEP_UCX": library])
      #expect(job.status() != 0)
      for rank in 0..<2 {
        let line = job.lines.first { $0.hasPrefix("[\(rank)] error: UCX cannot be opened: ") }
        #expect(line != nil, "\(job.output)")
      }
      let fix = "install a UCX from 1.13 on, before 2.0 (Debian: apt-get install libucx0)"
      #expect(job.output.contains(fix) && job.output.contains("DEEPEP_UCX"), "\(job.output)")
    }
  }

  @Test(arguments: [SIGKILL, SIGSTOP], transports)
  func aRankThatEndsIsNamedOnAll(_ signal: Int32, _ transport: String) throws {
    try withFolder { folder in
      let job = try job(3, "barriers", transport, in: folder)
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
