import Foundation
import Testing

/// What `deepep benchmark` prints; how fast it is, no test asks.
@Suite(.tags(.process)) struct BenchmarkTests {
  private static let small = ["--batch", "1", "--context", "8", "--width", "64", "--steps", "2"]

  @Test func itSaysWhenEachStepEndsAndThenALineOfJSON() throws {
    try withFolder { folder in
      let run = try CommandRun(["benchmark", "gpt-tiny", "--json"] + Self.small, in: folder)
      try #require(run.status == 0, "\(run.errors)")
      let lines = run.output.split(separator: "\n")
      #expect(lines.count == 3)
      #expect(lines.first?.hasPrefix("step 1/2 loss ") ?? false)
      let last = try #require(lines.last)
      let report = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any]
      #expect((report?["losses"] as? [Double])?.count == 2)
      #expect((report?["plan_value_bytes"] as? Int ?? 0) > 0)
      #expect(report?["processor_class"] is String)
      let phases = try #require(report?["phase_seconds"] as? [String: Double])
      #expect(
        Set(phases.keys).isSuperset(of: ["forward", "inputGradient", "weightGradient", "update"]))
      #expect(phases.values.allSatisfy { $0 >= 0 })
    }
  }

  @Test func itSaysWhatEachOptimisationIsWorth() throws {
    try withFolder { folder in
      let run = try CommandRun(
        ["benchmark", "gpt-tiny", "--ablate", "--precision", "fp16"] + Self.small, in: folder)
      try #require(run.status == 0, "\(run.errors)")
      #expect(run.output.hasPrefix("gpt-tiny fp16 on "))
      for name in ["simplify", "fuse", "order", "share-memory", "threads"] {
        #expect(run.output.contains("\n\(name) "), "\(run.output)")
      }
    }
  }

  /// Two ranks share the batch of one, or each have as much.
  @Test func ranksShareABatchOrHaveTheirOwn() throws {
    try withFolder { folder in
      let job = [
        "benchmark", "gpt-tiny", "--json", "--context", "8", "--width", "64", "--steps", "2",
      ]
      func report(_ words: [String]) throws -> [String: Any] {
        let run = try LaunchedJob(words, in: folder)
        try #require(run.status() == 0, "\(run.errors)")
        let line = try #require(run.lines.last)
        let json = line.hasPrefix("[0] ") ? String(line.dropFirst(4)) : line
        return try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] ?? [:]
      }
      let losses = { (report: [String: Any]) in report["losses"] as? [Double] ?? [] }
      let launch = ["launch", "-n", "2", "--"] + job + ["--strategy", "data=2", "--batch"]
      let one = try report(job + ["--batch", "4"])
      let shared = try report(launch + ["4"])
      let own = try report(launch + ["2", "--weak"])
      #expect(losses(one).count == 2 && distance(losses(one), losses(shared)) < 1e-5)
      #expect(losses(own) == losses(shared))
      #expect(shared["ranks"] as? Int == 2 && shared["communication_share"] is Double)
      #expect(one["communication_share"] == nil)
    }
  }

  /// Random weights know nothing: the loss is the logarithm of the number of tokens.
  @Test func aLlamaRuns() throws {
    try withFolder { folder in
      let sizes = ["--batch", "1", "--context", "8", "--width", "192", "--steps", "2"]
      let run = try CommandRun(["benchmark", "llama-tiny", "--json"] + sizes, in: folder)
      try #require(run.status == 0, "\(run.errors)")
      let loss = try #require(run.output.firstMatch(of: /step 1\/2 loss ([0-9.]+)/))
      #expect(abs((Double(loss.1) ?? 0) - log(2048.0)) < 0.3)
      let odd = try CommandRun(["benchmark", "llama-tiny", "--width", "64"], in: folder)
      #expect(odd.status == 2 && odd.errors.contains("192"), "\(odd.errors)")
    }
  }

  /// The same token again and again is learnt; what the model does not know is refused.
  @Test func tokensComeFromAFile() throws {
    try withFolder { folder in
      let write = { (tokens: [Int32]) in
        try tokens.withUnsafeBytes { Data($0) }.write(to: folder.appendingPathComponent("tokens"))
      }
      let arguments = ["benchmark", "gpt-tiny", "--tokens", "tokens"] + Self.small
      try write([Int32](repeating: 5, count: 2 * 9))
      let run = try CommandRun(arguments, in: folder)
      try #require(run.status == 0, "\(run.errors)")
      let losses = run.output.matches(of: /loss ([0-9.]+)/).compactMap { Double($0.1) }
      #expect(losses.count == 2 && losses[1] < losses[0] - 0.1)
      for (tokens, complaint) in [
        ([5, 6], "2 tokens are not a number of whole batches"),
        ([Int32](repeating: 65, count: 9), "token 0 is 65"),
      ] {
        try write(tokens)
        let refused = try CommandRun(arguments, in: folder)
        #expect(refused.status == 1 && refused.errors.contains(complaint), "\(refused.errors)")
      }
    }
  }

  @Test func noStepsOpenTheDeviceAndProbeIt() throws {
    try withFolder { folder in
      let run = try CommandRun(
        ["benchmark", "gpt-tiny", "--steps", "0", "--probe"], in: folder)
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.output.contains("probe before and after"))
    }
  }

  @Test func aWidthOfHalfAHeadIsRefused() throws {
    try withFolder { folder in
      let run = try CommandRun(["benchmark", "gpt-tiny", "--width", "300"], in: folder)
      #expect(run.status == 2)
      #expect(run.errors.contains("300") && run.errors.contains("320"), "\(run.errors)")
    }
  }
}
