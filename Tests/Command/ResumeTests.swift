import Foundation
import Testing

/// `deepep train --resume` goes on where another run stopped.
@Suite(.tags(.process)) struct ResumeTests {
  private static let text = String(
    repeating: "the quick brown fox jumps over the lazy dog; pack my box with five dozen jugs.\n",
    count: 60)

  private func train(_ options: [String], in folder: URL) throws -> CommandRun {
    let small = [
      "--layers", "1", "--width", "16", "--heads", "2", "--context", "16", "--batch", "2",
      "--sample", "0", "--dropout", "0.1",
    ]
    return try CommandRun(["train", "text.txt"] + small + options, in: folder)
  }

  @Test func aRunGoesOn() throws {
    try withFolder { folder in
      try Data(Self.text.utf8).write(to: folder.appendingPathComponent("text.txt"))
      let first = try train(["--steps", "3", "--out", "a"], in: folder)
      #expect(first.status == 0, "\(first.errors)")
      let second = try train(
        ["--steps", "5", "--resume", "a", "--out", "b"], in: folder)
      #expect(second.status == 0, "\(second.errors)")
      #expect(second.output.contains("step 5/5") && !second.output.contains("step 3/5"))
      // Three steps are already made: nothing changes, so the file is the same.
      let third = try train(
        ["--steps", "3", "--resume", "a/step-3", "--out", "c"], in: folder)
      #expect(third.status == 0, "\(third.errors)")
      let files = try ["a", "c"].map {
        try Checkpointed(folder.appendingPathComponent("\($0)/step-3"))
      }
      #expect(files[0] == files[1])
      let none = try train(["--resume", "none.safetensors"], in: folder)
      #expect(none.status == 1 && none.errors.contains("none.safetensors"))
    }
  }

  /// A run in bfloat16 ends in a checkpoint of float32 weights, from which float32 goes on.
  @Test func precisionIsOfTheRunAndNotOfTheCheckpoint() throws {
    try withFolder { folder in
      try Data(Self.text.utf8).write(to: folder.appendingPathComponent("text.txt"))
      for (precision, steps) in [("bf16", "2"), ("fp32", "3"), ("bf16", "4")] {
        let place = steps == "2" ? "--out" : "--resume"
        let run = try train(
          ["--precision", precision, "--steps", steps, place, "a"], in: folder)
        #expect(run.status == 0 && run.output.contains("step \(steps)/\(steps)"), "\(run.errors)")
      }
      let wrong = try train(["--precision", "fp8"], in: folder)
      #expect(wrong.status != 0 && wrong.errors.contains("expected one of fp32, bf16, fp16"))
    }
  }

  /// Killed at random moments, a run that goes on each time has the losses of one that nobody killed.
  ///
  /// `DEEPEP_KILLS` says how often.
  @Test func aRunSurvivesBeingKilled() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let steps = ["--steps", "200", "--dropout", "0.1", "--checkpoint-every", "1", "--keep", "2"]
      let alone = try job.train(steps, name: "alone")
      let count = ProcessInfo.processInfo.environment["DEEPEP_KILLS"].flatMap(Int.init) ?? 3
      for number in 0...count {
        let files = FileManager.default.enumerator(
          atPath: folder.appendingPathComponent("runs").path)
        let begun = files?.contains { "\($0)".contains("/step-") } ?? false
        let start = begun ? ["--resume"] : ["text.txt"] + RankJob.small
        let run = try LaunchedJob(
          ["train"] + start + ["--metrics", "run.jsonl"] + steps, in: folder)
        if number < count {
          usleep(.random(in: 100_000..<800_000))
          kill(run.process.processIdentifier, SIGKILL)
        }
        let status = run.status()
        #expect(status == 0 || number < count && status == 128 + SIGKILL, "\(run.errors)")
      }
      #expect(job.losses("run") == alone.losses && alone.losses.count == 200)
    }
  }

  /// The tensors of a checkpoint, without the header, whose keys have no fixed order.
  private struct Checkpointed: Equatable {
    let bytes: Data

    init(_ path: URL) throws {
      let file = try Data(contentsOf: path)
      let header = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
      bytes = file.dropFirst(8 + header)
    }
  }
}
