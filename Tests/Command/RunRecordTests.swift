import Foundation
import Testing

/// What a person sees of a run, and the files that it writes about itself.
@Suite(.tags(.process)) struct RunRecordTests {
  private static let small = [
    "--layers", "1", "--width", "16", "--heads", "2", "--context", "16", "--batch", "2",
    "--sample", "0", "--steps", "30",
  ]

  private func withRun(
    _ options: [String], _ body: (CommandRun, _ file: (String) throws -> Data) throws -> Void
  ) throws {
    try withFolder { folder in
      try Data(RankJob.text.utf8).write(to: folder.appendingPathComponent("text.txt"))
      let run = try CommandRun(["train", "text.txt"] + Self.small + options, in: folder)
      #expect(run.status == 0, "\(run.errors)")
      try body(run) { try Data(contentsOf: folder.appendingPathComponent($0)) }
    }
  }

  /// Each line in its place: the machine and its peak, memory, kernels, steps, what bounds the run.
  @Test func theLinesOfARun() throws {
    try withRun(["--validate-every", "10", "--curve", "loss.svg"]) { run, file in
      let patterns: [Regex<Substring>] = [
        /DeepEP [\d.]+  .+ threads, AVX.*, peak [\d.]+ GFLOP\/s fp32 \(measured\)/,
        /memory  parameters and optimizer .+, step .+; planned peak [\d.]+[KM]iB of [\d.]+GiB/,
        /compile [\d.]+ s, \d+ kernels \(\d+ cached\)/,
        /step 10\/30 loss [\d.]+ validation [\d.]+ tokens\/s [\d.]+ gflops [\d.]+ peak [\d.]+% memory/,
        /step 30\/30 loss [\d.]+ tokens/, /validation loss [\d.]+ on the held-out data/,
        /└ step 1 to 30 \(o: held-out data\)/,
        /time    contractions [\d.]+ %.*, data [\d.]+ %.*; bound by: \w+/,
        /trained 30 steps in .+; peak memory .+ of the process, .+ planned/,
        /saved   runs\/text-1\/step-30   \(deepep train --resume \| deepep generate\)/,
      ]
      var rest = run.output[...]
      for pattern in patterns {
        let match = try #require(rest.firstMatch(of: pattern), "\(rest)")
        rest = rest[match.range.upperBound...]
      }
      let curve = try String(decoding: file("loss.svg"), as: UTF8.self)
      #expect(curve.contains("<polyline"))
    }
  }

  @Test func theTraceIsWhatPerfettoReads() throws {
    try withRun(["--trace", "trace.json"]) { _, file in
      let trace = try file("trace.json")
      #expect(try TraceSchema.problems(trace) == [])
      let text = String(decoding: trace, as: UTF8.self)
      #expect(text.contains("\"name\":\"step 30\"") && text.contains("\"name\":\"data\""))
    }
    let wrong = Data("{\"traceEvents\":[{\"ph\":\"X\"}]}".utf8)
    #expect(try TraceSchema.problems(wrong) != [])
  }

  /// The taps of the model that the command trains.
  @Test func tapsAreInTheMetrics() throws {
    try withRun(["--taps", "--metrics", "metrics", "--tensorboard", "board"]) { _, file in
      let lines = try String(decoding: file("metrics"), as: UTF8.self).split(separator: "\n")
      let last = try JSONSerialization.jsonObject(with: Data(try #require(lines.last).utf8))
      let taps = try #require((last as? [String: Any])?["taps"] as? [String: [String: Any]])
      let names = ["attn.c_proj.attention", "mlp.c_proj.network"].flatMap { name in
        ["transformer.h.0.\(name)", "transformer.h.0.\(name).gradient"]
      }
      #expect(Set(taps.keys) == Set(names))
      for tap in taps.values {
        let histogram = try #require(tap["histogram"] as? [Int])
        #expect(histogram.reduce(0, +) == 2 * 16 * 16 && tap["not_finite"] as? Double == 0)
      }
    }
  }

  @Test func aRunThatLearnsNothingEndsEarly() throws {
    try withRun(["--learning-rate", "1e-30", "--validate-every", "1", "--patience", "2"]) {
      run, _ in
      #expect(
        run.output.contains(
          "stopped early after step 3 of 30: no new lowest validation loss in 2 looks\n"),
        "\(run.output)")
      #expect(run.output.contains("saved   runs/text-1/step-3 "))
    }
  }
}

/// `deepep inspect` on memory.
@Suite(.tags(.process)) struct InspectTests {
  @Test func memoryIsAMapAndAPicture() throws {
    try withFolder { folder in
      let run = try CommandRun(
        ["inspect", "gpt-tiny", "--after", "memory", "--entry", "step", "--svg", "map.svg"],
        in: folder)
      #expect(run.status == 0, "\(run.errors)")
      let head =
        /entry step: state \d+ bytes, values (\d+) bytes, (\d+) in use at instruction \d+ of \d+/
      let match = try #require(run.output.firstMatch(of: head), "\(run.output)")
      let (values, used) = try (#require(Int(match.1)), #require(Int(match.2)))
      #expect(used <= values && Double(used) > 0.9 * Double(values))
      let picture = try String(
        contentsOf: folder.appendingPathComponent("map.svg"), encoding: .utf8)
      #expect(picture.matches(of: /<rect x/).count > 100)
      #expect(picture.contains("transformer.h.0.attn") && picture.contains("<title>slots</title>"))
      let wrong = try CommandRun(
        ["inspect", "gpt-tiny", "--after", "fuse", "--svg", "map.svg"], in: folder)
      #expect(wrong.status == 2 && wrong.errors.contains("--svg needs a plan"), "\(wrong.errors)")
    }
  }
}

/// The lessons check what they say.
@Suite(.tags(.process)) struct LessonTests {
  @Test func everyLessonIsSo() throws {
    try withFolder { folder in
      let path = CommandRun.executable.deletingLastPathComponent().appendingPathComponent("Lessons")
      let job = try LaunchedJob([], in: folder, program: path.path)
      #expect(job.status() == 0, "\(job.errors)")
      #expect(job.output.ranges(of: "\nok      ").count == 5, "\(job.output)")
    }
  }
}
