import Foundation
import Testing

/// `deepep train --from` begins a run with what another one has learned.
@Suite(.tags(.process)) struct FromTests {
  private static let data = ["--batch", "2", "--sample", "0", "--learning-rate"]

  /// A model of characters, trained a little in the folder `old`.
  private func withOldRun(_ body: (URL, CommandRun) throws -> Void) throws {
    try withFolder { folder in
      try Data(RankJob.text.utf8).write(to: folder.appendingPathComponent("text.txt"))
      let sizes = ["--layers", "1", "--width", "16", "--heads", "2", "--context", "16"]
      let old = try CommandRun(
        ["train", "text.txt", "--out", "old", "--steps", "20"] + sizes + Self.data + ["0.03"],
        in: folder)
      try #require(old.status == 0, "\(old.errors)")
      try body(folder, old)
    }
  }

  private func succeeding(_ words: [String], in folder: URL) throws -> CommandRun {
    let run = try CommandRun(words, in: folder)
    try #require(run.status == 0, "\(words): \(run.errors)")
    return run
  }

  private func heldOutLoss(_ run: CommandRun) -> String? {
    run.output.firstMatch(of: /validation loss ([\d.]+)/).map { "\($0.1)" }
  }

  /// With its tokens, on another text; alone, on two ranks, and by small matrices, on which a further run builds.
  @Test func aRunBeginsWithAnother() throws {
    try withOldRun { folder, old in
      let checkpoint = folder.appendingPathComponent("old/step-20")
      let before = try Data(contentsOf: checkpoint)
      // A vocabulary of its own would have fewer characters.
      let text = String(RankJob.text.filter { $0 != ";" })
      try Data(text.utf8).write(to: folder.appendingPathComponent("new.txt"))
      let still = { (words: [String]) in
        try succeeding(words + ["--steps", "1"] + Self.data + ["1e-9"], in: folder)
      }
      let same = try still(["train", "text.txt", "--from", "old"])
      #expect(heldOutLoss(same) != nil && heldOutLoss(same) == heldOutLoss(old), "\(same.output)")
      #expect(same.output.contains("weights, of old/step-20"), "\(same.output)")
      let ranks = ["launch", "-n", "2", "--"]
      let spread = try still(
        ranks + ["train", "text.txt", "--from", "old", "--strategy", "tensor=2"])
      #expect(heldOutLoss(spread) == heldOutLoss(old), "\(spread.output)")

      let tuned = ["train", "new.txt", "--from", "old/step-20", "--lora", "2", "--ema", "0.9"]
      let small = try succeeding(
        tuned + ["--steps", "4", "--out", "small"] + Self.data + ["0.03"], in: folder)
      #expect(small.output.contains("characters (30 different)"), "\(small.output)")
      _ = try succeeding(["generate", "small", "--count", "4"], in: folder)
      let merged = try still(["train", "new.txt", "--from", "small", "--out", "merged"])
      #expect(heldOutLoss(merged) == heldOutLoss(small), "\(small.output)\(merged.output)")
      #expect(try Data(contentsOf: checkpoint) == before)

      // A run that goes on needs nothing of what it began with.
      for name in ["old", "small"] {
        try FileManager.default.moveItem(
          at: folder.appendingPathComponent(name), to: folder.appendingPathComponent("\(name)-away")
        )
      }
      for path in ["merged", "small-away"] {
        let more = try succeeding(
          ["train", "--resume", path, "--out", path, "--steps", "6"], in: folder)
        #expect(more.output.contains("step 6/6") && !more.output.contains("step 1/6"))
      }
    }
  }

  @Test func whatCannotBeBegunWithIsSaid() throws {
    try withOldRun { folder, _ in
      let place = { folder.appendingPathComponent($0) }
      try Data((RankJob.text + "\u{e9}").utf8).write(to: place("other.txt"))
      try FileManager.default.createDirectory(at: place("empty"), withIntermediateDirectories: true)
      let whole = try Data(contentsOf: place("old/step-20"))
      try whole.dropLast(10).write(to: place("cut"))
      try whole.replacing(Data(#"\"width\":16"#.utf8), with: Data(#"\"width\":32"#.utf8))
        .write(to: place("changed"))
      try Data(RankJob.text.filter { $0 != ";" }.utf8).write(to: place("new.txt"))
      let export = try succeeding(["export", "old", "hf"], in: folder)
      #expect(export.output.contains("no tokenizer.json is written"), "\(export.output)")
      let forms = "--from takes a checkpoint, the folder of a run, or a folder of Hugging Face"
      for (words, expected) in [
        (["text.txt", "--from", "none"], ["no such file or folder (none)", forms]),
        (["text.txt", "--from", "hf"], ["no tokenizer.json", "(hf)", "--tokenizer FILE.json"]),
        (["text.txt", "--from", "empty"], ["no whole checkpoint (folder empty)", forms]),
        (["text.txt", "--from", "text.txt"], ["text.txt", forms]),
        (["text.txt", "--from", "cut"], ["(cut", forms]),
        (["text.txt", "--from", "newest"], ["no run with a checkpoint", forms]),
        (["text.txt", "--from", "changed"], ["another model", "(changed)"]),
        (["other.txt", "--from", "old"], ["30 characters lacks \"\u{e9}\"", "other.txt"]),
        (
          ["text.txt", "--from", "old", "--tokenizer", "bytes"],
          ["257 tokens, the model 30", "leave --tokenizer out"]
        ),
        (
          ["new.txt", "--from", "old", "--tokenizer", "characters"],
          ["tokens of --tokenizer characters are not those", "leave --tokenizer out"]
        ),
        (["text.txt", "--from", "old", "--lora", "17"], ["a rank of 17", "rank of at most 16"]),
        (["text.txt", "--from", "old", "--context", "17"], ["sees 16 tokens at once, not 17"]),
        (["text.txt", "--from", "old", "--layers", "2"], ["--layers does not go with --from"]),
        (["--resume", "old", "--from", "old"], ["--from does not go with --resume"]),
      ] {
        let run = try CommandRun(["train"] + words, in: folder)
        #expect(run.status != 0 && run.errors.hasPrefix("error: "), "\(words): \(run.errors)")
        for text in expected { #expect(run.errors.contains(text), "\(words): \(run.errors)") }
        #expect(!FileManager.default.fileExists(atPath: place("runs/text-1").path), "\(words)")
      }
      #expect(try Data(contentsOf: place("old/step-20")) == whole)
    }
  }
}
