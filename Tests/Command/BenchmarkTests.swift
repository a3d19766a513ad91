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
    }
  }

  @Test func itSaysWhatEachOptimisationIsWorth() throws {
    try withFolder { folder in
      let run = try CommandRun(["benchmark", "gpt-tiny", "--ablate"] + Self.small, in: folder)
      try #require(run.status == 0, "\(run.errors)")
      for name in ["simplify", "fuse", "order", "share-memory", "threads"] {
        #expect(run.output.contains("\n\(name) "), "\(run.output)")
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
