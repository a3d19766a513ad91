import Foundation
import Testing

/// What `deepep benchmark` does about the algorithms of ranks that exchange messages; how fast they are, no test asks.
@Suite struct AlgorithmBenchmarkTests {
  /// Runs ranks on two "hosts" of two, which an agent reaches, as ssh would.
  private func job(_ words: [String], in folder: URL, cache: String = "none") throws -> LaunchedJob
  {
    try LaunchedJob(
      ["launch", "-n", "4"] + LaunchedJob.twoHosts(in: folder) + ["--", "benchmark"] + words,
      in: folder,
      variables: ["XDG_CACHE_HOME": folder.appendingPathComponent(cache).path])
  }

  private func report(_ job: LaunchedJob) throws -> [String: Any] {
    #expect(job.status() == 0, "\(job.errors)")
    let line = try #require(job.lines.first { $0.contains("seconds_median") }, "\(job.output)")
    let text = line.drop { $0 != "{" }
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
    return try #require(object as? [String: Any])
  }

  @Test func tablesAreWrittenAndTaken() throws {
    try withFolder { folder in
      let words = [
        "communication", "--bytes", "4096", "--rounds", "1", "--algorithms", "table.json",
      ]
      let writer = try job(words, in: folder)
      #expect(writer.status() == 0, "\(writer.errors)")
      #expect(writer.output.contains("all-to-all, 4 ranks on 2 hosts, 4096 bytes: "))
      let file = folder.appendingPathComponent("table.json")
      let object = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
      let table = try #require(object as? [String: Any])
      let rows = try #require(table["rows"] as? [[String: Any]])
      for collective in ["all-reduce", "reduce-scatter", "all-gather", "all-to-all", "broadcast"] {
        for ranks in [2, 4] {
          let own = rows.filter {
            $0["collective"] as? String == collective && $0["ranks"] as? Int == ranks
              && $0["hosts"] as? Int == 2
          }
          #expect(own.last.map { $0["up_to_bytes"] == nil } ?? false, "\(collective) \(ranks)")
        }
      }
      let reader = ["all-reduce", "--communication", "tcp", "--bytes", "4096", "--rounds", "3"]
      let taken = try report(job(reader + ["--json", "--algorithms", "table.json"], in: folder))
      #expect(taken["operation"] as? String == "all-reduce")
    }
  }

  /// Jobs take the table that is where it was written, and say so if they cannot.
  @Test func tablesAreFound() throws {
    try withFolder { folder in
      let words = ["communication", "--bytes", "256", "--rounds", "1"]
      let writer = try job(words, in: folder, cache: "cache")
      #expect(writer.status() == 0, "\(writer.errors)")
      let file = folder.appendingPathComponent("cache/deepep/algorithms.json")
      #expect(writer.output.contains("the table is in \(file.path)"), "\(writer.output)")
      let reader = [
        "all-reduce", "--communication", "tcp", "--bytes", "4096", "--rounds", "3", "--json",
      ]
      // A table that says something that can be seen from outside.
      let row =
        "{\"collective\": \"all-reduce\", \"hosts\": 2, \"ranks\": 4, \"algorithm\": \"ring\"}"
      try
        "{\"format\": \"deepep-algorithms\", \"version\": 1, \"processor\": \"\", \"rows\": [\(row)]}"
        .write(to: file, atomically: true, encoding: .utf8)
      let taken = try report(job(reader, in: folder, cache: "cache"))
      #expect(taken["host_bytes"] as? [Int] == [6144, 6144])
      try "{}".write(to: file, atomically: true, encoding: .utf8)
      let broken = try job(reader, in: folder, cache: "cache")
      #expect(broken.status() != 0)
      #expect(broken.errors.contains("the table of algorithms cannot be used"), "\(broken.errors)")
      #expect(broken.errors.contains(file.path), "\(broken.errors)")
    }
  }

  @Test func otherFilesAreNotOverwritten() throws {
    try withFolder { folder in
      let file = folder.appendingPathComponent("letter.txt")
      try "Dear".write(to: file, atomically: true, encoding: .utf8)
      let words = ["communication", "--bytes", "256", "--algorithms", "letter.txt"]
      let writer = try job(words, in: folder)
      #expect(writer.status() != 0)
      #expect(writer.errors.contains("remove it, or name another file"), "\(writer.errors)")
      #expect(try String(contentsOf: file, encoding: .utf8) == "Dear")
    }
  }

  /// Of S bytes: 3/2 S leave each of two hosts of two ranks by a ring, S by the hierarchy, S/2 as bfloat16.
  @Test(arguments: [
    (["--algorithm", "ring"], 6144), (["--algorithm", "hierarchical"], 4096),
    (["--algorithm", "hierarchical", "--wire", "bfloat16"], 2048),
  ])
  func bytesOfHostsAreCounted(_ words: [String], _ byteCount: Int) throws {
    try withFolder { folder in
      let common = ["all-reduce", "--communication", "tcp", "--bytes", "4096", "--rounds", "3"]
      let report = try report(job(common + ["--json"] + words, in: folder))
      #expect(report["host_bytes"] as? [Int] == [byteCount, byteCount])
    }
  }

  @Test(arguments: [
    (["all-reduce", "--algorithm", "rin"], "did you mean ring?"),
    (["all-reduce", "--wire", "int4"], "did you mean int8?"),
    (["all-reduce", "--ranks", "2", "--algorithms", "nowhere.json"], "nowhere.json"),
    (
      ["all-reduce", "--ranks", "2", "--algorithm", "ring", "--algorithms", "x"],
      "--algorithm and --algorithms are both given"
    ),
  ])
  func mistakesAreExplained(_ words: [String], _ reason: String) throws {
    try withFolder { folder in
      let run = try CommandRun(["benchmark"] + words, in: folder)
      #expect(run.status != 0)
      #expect(run.errors.contains(reason), "\(run.errors)")
    }
  }

  /// What waiting takes of a processor is a figure of the benchmarks; here it is only there.
  @Test func aRankThatWaitsSaysWhatThatTakes() throws {
    try withFolder { folder in
      let words = ["benchmark", "wait", "--rounds", "1", "--json"]
      let job = try LaunchedJob(["launch", "-n", "2", "--"] + words, in: folder)
      #expect(job.status() == 0, "\(job.errors)")
      let figure = try #require(job.output.firstMatch(of: /"processor_seconds":([0-9.]+),/))
      #expect(Double(figure.1) ?? 0 > 0, "\(job.output)")
      let alone = try LaunchedJob(words, in: folder)
      #expect(alone.status() == 1 && alone.errors.contains("deepep launch -n 2"), "\(alone.errors)")
    }
  }

  @Test func sharedMemoryHasNothingToChoose() throws {
    try withFolder { folder in
      let job = try LaunchedJob(
        [
          "launch", "-n", "2", "--", "benchmark", "communication", "--communication",
          "shared-memory",
        ], in: folder)
      #expect(job.status() != 0)
      #expect(job.errors.contains("'shared-memory' has nothing to choose from"), "\(job.errors)")
    }
  }
}
