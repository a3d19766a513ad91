import Foundation
import Testing

/// `deepep train` writes into a folder for each run, and goes on with the newest.
@Suite(.tags(.process)) struct RunTests {
  private static let small = [
    "--layers", "1", "--width", "16", "--heads", "2", "--context", "16", "--batch", "2",
    "--sample", "0",
  ]

  private func withText(_ body: (URL) throws -> Void) throws {
    try withFolder { folder in
      try Data(RankJob.text.utf8).write(to: folder.appendingPathComponent("text.txt"))
      try body(folder)
    }
  }

  private func train(_ options: [String], in folder: URL) throws -> CommandRun {
    try CommandRun(["train", "text.txt"] + Self.small + options, in: folder)
  }

  private func names(_ path: String, in folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent(path).path
    ).sorted()
  }

  /// The words of the README: train, train again, go on, generate.
  @Test func runsHaveFoldersOfTheirOwn() throws {
    try withText { folder in
      for number in 1...2 {
        let run = try train(["--steps", "1"], in: folder)
        #expect(run.status == 0, "\(run.errors)")
        let saved = "saved   runs/text-\(number)/step-1   (deepep train --resume | deepep generate)"
        #expect(run.output.contains(saved), "\(run.output)")
      }
      #expect(try names("runs/text-2", in: folder) == ["best", "run.json", "step-1"])
      let more = try CommandRun(["train", "--resume", "--steps", "3"], in: folder)
      #expect(more.status == 0 && more.output.contains("step 3/3"), "\(more.errors)")
      #expect(!more.output.contains("step 1/3"))
      #expect(try names("runs/text-2", in: folder) == ["best", "run.json", "step-1", "step-3"])
      let branch = try CommandRun(
        ["train", "--resume", "runs/text-2/step-1", "--steps", "2"], in: folder)
      #expect(branch.output.contains("saved   runs/text-3/step-2"), "\(branch.errors)")
      for words in [[], ["runs/text-1"], ["runs/text-2/best"]] {
        let text = try CommandRun(["generate", "--count", "4"] + words, in: folder)
        #expect(text.status == 0, "\(text.errors)")
      }
    }
  }

  /// A model goes to Hugging Face's form, and a run begins with it: its loss is that at which the other one ended.
  @Test func aModelIsExportedAndBegunWith() throws {
    try withText { folder in
      let first = try train(
        ["--tokenizer", "bpe:260", "--steps", "20", "--learning-rate", "0.03", "--metrics", "log"],
        in: folder)
      #expect(first.status == 0, "\(first.errors)")
      let export = try CommandRun(["export", "newest", "model"], in: folder)
      #expect(export.status == 0, "\(export.errors)")
      #expect(
        try names("model", in: folder) == ["config.json", "model.safetensors", "tokenizer.json"])
      let again = try CommandRun(["export", "newest", "model"], in: folder)
      #expect(again.status == 1 && again.errors.contains("a model already"), "\(again.errors)")
      let begin = ["train", "text.txt", "--from", "model", "--batch", "2", "--context", "16"]
      let second = try CommandRun(
        begin + ["--steps", "1", "--sample", "0", "--learning-rate", "1e-9"], in: folder)
      #expect(
        second.status == 0 && second.output.contains("1 layers, width 16"), "\(second.errors)")
      let losses = [first, second].map { run in
        run.output.firstMatch(of: /validation loss ([\d.]+)/).map { "\($0.1)" }
      }
      #expect(losses[0] != nil && losses[0] == losses[1], "\(first.output)\(second.output)")
      for (words, error) in [
        (["--layers", "2"], "--layers does not go with --from"),
        (["--context", "17"], "sees 16 tokens at once, not 17"),
      ] {
        let words = begin.filter { $0 != "--context" && $0 != "16" } + words
        let run = try CommandRun(words, in: folder)
        #expect(run.status != 0 && run.errors.contains(error), "\(run.errors)")
      }
    }
  }

  /// A Llama by its name: trained, gone on with, asked, exported, and fine-tuned by small matrices.
  @Test func aNamedModelIsTrainedAndFineTuned() throws {
    try withText { folder in
      let run = { (words: [String]) in
        let run = try CommandRun(words, in: folder)
        #expect(run.status == 0, "\(words): \(run.errors)")
        return run
      }
      let tokens = ["--tokenizer", "bpe:260", "--documents-apart"]
      let sizes = ["--layers", "1", "--width", "48", "--context", "16", "--window", "8"]
      let data = ["--batch", "2", "--sample", "0", "--ema", "0.9"]
      let first = try run(
        ["train", "text.txt", "--model", "llama-tiny", "--steps", "3"] + tokens + sizes + data)
      #expect(first.output.contains("model   Llama, 1 layers, width 48, 6 heads, context 16"))
      #expect(first.output.contains("averages have a loss of"))
      let more = try run(["train", "--resume", "--steps", "4"])
      #expect(more.output.contains("step 4/4") && !more.output.contains("step 3/4"))
      #expect(try run(["generate", "--count", "20", "--averages"]).output.count > 4)
      _ = try run(["export", "newest", "model", "--averages"])
      let written = try String(
        contentsOf: folder.appendingPathComponent("model/config.json"), encoding: .utf8)
      #expect(written.contains("\"eos_token_id\" : 259") && written.contains("mistral"))
      let tuned = try run(
        [
          "train", "text.txt", "--from", "model", "--lora", "2", "--steps", "2", "--context", "16",
          "--batch", "2", "--sample", "0",
        ])
      #expect(tuned.output.contains("1 layers, width 48"), "\(tuned.output)")
      _ = try run(["generate", "--count", "3"])
      _ = try run(["export", "newest", "tuned"])
      #expect(
        try names("tuned", in: folder) == ["config.json", "model.safetensors", "tokenizer.json"])
      for (words, error) in [
        (["plan", "lama-60m"], "did you mean llama-60m?"),
        (["train", "text.txt", "--lora", "2"], "add --from PATH"),
        (["train", "text.txt", "--documents-apart"], "no token between documents"),
        (["train", "text.txt", "--model", "llama-tiny", "--dropout", "0.1"], "a Llama has none"),
        (["train", "text.txt", "--freeze", "h.0"], "nothing of the model is called 'h.0'"),
        (["train", "text.txt", "--heads", "3"], "width 128 does not divide by 3 heads"),
      ] {
        let run = try CommandRun(words, in: folder)
        #expect(run.status != 0 && run.errors.contains(error), "\(words): \(run.errors)")
      }
    }
  }

  @Test func thereIsNothingToGoOnWith() throws {
    try withText { folder in
      for words in [["train", "--resume"], ["generate"]] {
        let run = try CommandRun(words, in: folder)
        #expect(run.status == 1 && run.errors.contains("there is no run with a checkpoint"))
      }
      let text = try CommandRun(["train", "--resume", "text.txt"], in: folder)
      #expect(text.status == 1 && text.errors.contains("(text.txt"), "\(text.errors)")
      let nothing = try CommandRun(["train"], in: folder)
      #expect(nothing.status == 2 && nothing.errors.contains("TEXT is missing"))
      // What fails before the first checkpoint leaves no folder.
      let wrong = try train(["--strategy", "data=2"], in: folder)
      #expect(wrong.status == 1, "\(wrong.output)")
      #expect(try names("runs", in: folder) == [])
    }
  }

  @Test func noRunWritesIntoTheFolderOfAnother() throws {
    try withText { folder in
      #expect(try train(["--steps", "2", "--out", "here/"], in: folder).status == 0)
      let before = try Data(contentsOf: folder.appendingPathComponent("here/step-2"))
      let second = try train(["--steps", "1", "--out", "here"], in: folder)
      #expect(
        second.status == 1
          && second.errors.contains(
            "another run has been here: there is a checkpoint of step 2 (folder here)"),
        "\(second.errors)")
      let descriptor = open(folder.appendingPathComponent("here").path, O_RDONLY)
      defer { close(descriptor) }
      #expect(flock(descriptor, LOCK_EX) == 0)
      let third = try CommandRun(["train", "--resume", "here", "--steps", "3"], in: folder)
      #expect(
        third.status == 1 && third.errors.contains("another run is writing here"),
        "\(third.errors)")
      #expect(try names("here", in: folder) == ["best", "run.json", "step-2"])
      #expect(try Data(contentsOf: folder.appendingPathComponent("here/step-2")) == before)
    }
  }

  @Test func theNewestAreKeptAndTheBest() throws {
    try withText { folder in
      let run = try train(
        ["--steps", "6", "--checkpoint-every", "1", "--keep", "2", "--learning-rate", "1e-9"],
        in: folder)
      #expect(run.status == 0, "\(run.errors)")
      #expect(
        run.output.contains(/step 1\/6 loss [\d.]+ validation [\d.]+ tokens/), "\(run.output)")
      let kept = try names("runs/text-1", in: folder).filter { $0.hasPrefix("step-") }
      let best = try FileManager.default.destinationOfSymbolicLink(
        atPath: folder.appendingPathComponent("runs/text-1/best").path)
      #expect(Set(kept) == ["step-5", "step-6", best])
    }
  }

  @Test func aDamagedCheckpointIsPassedOver() throws {
    try withText { folder in
      #expect(try train(["--steps", "2", "--checkpoint-every", "1"], in: folder).status == 0)
      let last = folder.appendingPathComponent("runs/text-1/step-2")
      try Data(contentsOf: last).dropLast(10).write(to: last)
      let run = try CommandRun(["generate", "--count", "4"], in: folder)
      #expect(run.status == 0 && run.errors.contains("passed over: "), "\(run.errors)")
    }
  }
}
