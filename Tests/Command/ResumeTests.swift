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
      // Three steps are already made: nothing is written.
      try Data("kept".utf8).write(to: folder.appendingPathComponent("log.json"))
      let before = try contents(of: "a", in: folder)
      for words in [["--resume", "a"], ["--resume", "a/step-3", "--out", "c"]] {
        let third = try train(
          ["--steps", "2", "--metrics", "log.json", "--trace", "log.json"] + words, in: folder)
        #expect(third.status == 0, "\(third.errors)")
        #expect(third.output.contains("already at step 3 of 2: nothing to do"), "\(third.output)")
      }
      #expect(try contents(of: "a", in: folder) == before)
      #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("c").path))
      let log = try String(contentsOf: folder.appendingPathComponent("log.json"), encoding: .utf8)
      #expect(log == "kept")
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

  /// What cannot change is an error that names the option; no run that fails leaves anything, and the next goes on.
  @Test func aRunThatCannotGoOnChangesNothing() throws {
    try withFolder { folder in
      try Data(Self.text.utf8).write(to: folder.appendingPathComponent("text.txt"))
      #expect(try train(["--steps", "1", "--out", "a"], in: folder).status == 0)
      let before = try contents(of: "a", in: folder)
      for (words, error) in [
        (["--width", "64"], "--width does not go with --resume"),
        (["--heads", "4"], "--heads does not go with --resume"),
        (["--context", "8"], "--context does not go with --resume"),
        (["--tokenizer", "bytes"], "--tokenizer does not go with --resume"),
        (["--optimizer", "muon"], "a checkpoint of another model"),
        (["--learning-rate", "1e30"], "the loss is"),
      ] {
        let run = try CommandRun(["train", "--resume", "a", "--steps", "9"] + words, in: folder)
        #expect(run.status != 0 && run.errors.contains(error), "\(words): \(run.errors)")
        #expect(try contents(of: "a", in: folder) == before, "\(words)")
      }
      let settings = folder.appendingPathComponent("a/run.json")
      let file = try Data(contentsOf: settings)
      try FileManager.default.removeItem(at: settings)
      for (words, error) in [
        ([], "there is no run.json with the options of the run beside the checkpoint (a/step-1)"),
        (["text.txt", "--tokenizer", "bytes"], "--tokenizer does not go with --resume"),
      ] {
        let run = try CommandRun(["train", "--resume", "a"] + words, in: folder)
        #expect(run.status != 0 && run.errors.contains(error), "\(run.errors)")
      }
      try file.write(to: settings)
      let words = ["--resume", "a", "--steps", "2", "--tokenizer", "characters"]
      let good = try CommandRun(["train"] + words, in: folder)
      #expect(good.status == 0 && good.output.contains("step 2/2"), "\(good.errors)")
      let after = try contents(of: "a", in: folder)
      #expect(after["run.json"] != before["run.json"] && after["step-1"] == before["step-1"])
    }
  }

  /// The files of a folder.
  private func contents(of path: String, in folder: URL) throws -> [String: Data] {
    let place = folder.appendingPathComponent(path)
    let names = try FileManager.default.contentsOfDirectory(atPath: place.path)
    return try Dictionary(
      uniqueKeysWithValues: names.map {
        ($0, try Data(contentsOf: place.appendingPathComponent($0)))
      })
  }
}
