import Foundation
import Testing

/// Bad input gives one clear error, a non-zero exit status, and damages nothing.
@Suite(.tags(.process)) struct BadInputTests {
  /// A text of the size of a few pages.
  private static let text = String(
    repeating: "the quick brown fox jumps over the lazy dog; pack my box with five dozen jugs.\n",
    count: 60)
  private static let small = [
    "--layers", "1", "--width", "16", "--heads", "2", "--context", "16", "--batch", "2",
    "--sample", "0",
  ]

  private func write(_ text: String, _ name: String, in folder: URL) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }

  /// The run fails with one message that holds all of `words`, and without a trap.
  private func expectError(
    _ run: CommandRun, _ words: String..., status: Int32 = 1,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(run.status == status, "\(run.errors)", sourceLocation: sourceLocation)
    #expect(run.errors.hasPrefix("error: "), "\(run.errors)", sourceLocation: sourceLocation)
    #expect(!run.errors.contains("crashed"), sourceLocation: sourceLocation)
    for word in words {
      #expect(run.errors.contains(word), "\(run.errors)", sourceLocation: sourceLocation)
    }
  }

  @Test func dataIsMissing() throws {
    try withFolder { folder in
      expectError(try CommandRun(["train", "nothing.txt"], in: folder), "nothing.txt")
    }
  }

  @Test func dataIsEmpty() throws {
    try withFolder { folder in
      try write("", "empty.txt", in: folder)
      expectError(try CommandRun(["train", "empty.txt"], in: folder), "empty.txt", "empty")
    }
  }

  @Test func dataIsTooShort() throws {
    try withFolder { folder in
      try write("abc", "short.txt", in: folder)
      expectError(try CommandRun(["train", "short.txt"], in: folder), "short.txt", "128")
    }
  }

  @Test func dataIsNotText() throws {
    try withFolder { folder in
      try Data([0x61, 0xff, 0x62]).write(to: folder.appendingPathComponent("bytes.txt"))
      expectError(try CommandRun(["train", "bytes.txt"], in: folder), "bytes.txt", "UTF-8")
    }
  }

  @Test func optionIsUnknown() throws {
    try withFolder { folder in
      let run = try CommandRun(["train", "a.txt", "--step", "3"], in: folder)
      expectError(run, "--step", "--steps", status: 2)
      let command = try CommandRun(["trian"], in: folder)
      expectError(command, "trian", "train", status: 2)
      let value = try CommandRun(["train", "a.txt", "--steps", "ten"], in: folder)
      expectError(value, "--steps", "ten", status: 2)
    }
  }

  @Test func theFixOfAWordIsSaid() throws {
    try withFolder { folder in
      try write("{\"steps\": 3}", "run.json", in: folder)
      for (words, what, fix) in [
        (["--lr", "1"], "--lr", "did you mean --learning-rate?"),
        (["--batch_size", "1"], "--batch_size", "did you mean --batch?"),
        (["--max-steps", "1"], "--max-steps", "did you mean --steps?"),
        (["--strategy", "dta=2"], "--strategy", "did you mean data?"),
        (["--curve", "a.png"], "--curve", ".svg"),
        (["--tokenizer", "bpe:100000000"], "--tokenizer", "257 to 16777216"),
      ] {
        expectError(try CommandRun(["train", "a.txt"] + words, in: folder), what, fix, status: 2)
      }
      try write(Self.text, "a.txt", in: folder)
      for (words, what, fix) in [
        (["--tokenizer", "run.json"], "(run.json", "there is no field"),
        (["--tokenizer", "no.json"], "cannot read the tokenizer", "no.json"),
        (["--weights", "3,1"], "2 weights for 1 set", "give 1"),
      ] {
        expectError(try CommandRun(["train", "a.txt"] + words + Self.small, in: folder), what, fix)
      }
    }
  }

  @Test func shapesDoNotFit() throws {
    try withFolder { folder in
      try write(Self.text, "text.txt", in: folder)
      let run = try CommandRun(
        ["train", "text.txt", "--width", "30", "--heads", "4"], in: folder)
      expectError(run, "width 30", "4 heads")
    }
  }

  @Test func folderIsNotWritable() throws {
    try withFolder { folder in
      try write(Self.text, "text.txt", in: folder)
      // A file where a folder should be: root may write into any real folder.
      let run = try CommandRun(
        ["train", "text.txt", "--out", "text.txt/run"] + Self.small, in: folder)
      expectError(run, "text.txt", "--out")
      let kept = try String(contentsOf: folder.appendingPathComponent("text.txt"), encoding: .utf8)
      #expect(kept == Self.text)
    }
  }

  @Test func checkpointIsDamagedOrForeign() throws {
    try withFolder { folder in
      try write(Self.text, "text.txt", in: folder)
      let trained = try CommandRun(
        ["train", "text.txt", "--steps", "2", "--out", "a"] + Self.small, in: folder)
      try #require(trained.status == 0, "\(trained.errors)")
      let whole = try Data(contentsOf: folder.appendingPathComponent("a/step-2"))
      try whole.dropLast(100).write(to: folder.appendingPathComponent("cut.safetensors"))
      expectError(try CommandRun(["generate", "cut.safetensors"], in: folder), "cut.safetensors")
      expectError(try CommandRun(["generate", "text.txt"], in: folder), "text.txt")
      expectError(try CommandRun(["generate", "none.safetensors"], in: folder), "none.safetensors")
      let other = try changed(whole, #"\"width\":16"#, #"\"width\":32"#)
      try other.write(to: folder.appendingPathComponent("other.safetensors"))
      expectError(
        try CommandRun(["generate", "other.safetensors"], in: folder), "other.safetensors",
        "another model")
      // Memory is taken only for a model whose weights are there.
      let large = try changed(whole, #"\"layers\":1"#, #"\"layers\":9"#)
      try large.write(to: folder.appendingPathComponent("large.safetensors"))
      expectError(
        try CommandRun(["generate", "large.safetensors"], in: folder), "large.safetensors",
        "another model")
      let unknown = try CommandRun(
        ["generate", "a", "--prompt", "\u{3a9}"], in: folder)
      expectError(unknown, "\u{3a9}")
      #expect(unknown.output.isEmpty)
      let fine = try CommandRun(["generate", "a/step-2", "--count", "8"], in: folder)
      #expect(fine.status == 0, "\(fine.errors)")
    }
  }

  /// A limit on the size of files ends writing in its middle; the checkpoint before stays as it was.
  @Test func aCheckpointThatCannotBeWrittenWholeLeavesTheOneBefore() throws {
    try withFolder { folder in
      try write(Self.text, "text.txt", in: folder)
      let first = try CommandRun(
        ["train", "text.txt", "--steps", "2", "--out", "a"] + Self.small, in: folder)
      try #require(first.status == 0, "\(first.errors)")
      let before = try Data(contentsOf: folder.appendingPathComponent("a/step-2"))
      let more = ["train", "--resume", "a", "--steps", "4", "--sample", "0"]
      let cut = try CommandRun(more, in: folder, script: "ulimit -f 8; exec \"$@\"")
      expectError(cut, "File too large", "a/step-4", "ulimit -f")
      #expect(try Data(contentsOf: folder.appendingPathComponent("a/step-2")) == before)
      let names = try FileManager.default.contentsOfDirectory(
        atPath: folder.appendingPathComponent("a").path)
      #expect(names.sorted() == ["best", "run.json", "step-2"])
      let again = try CommandRun(more, in: folder)
      #expect(again.status == 0 && again.output.contains("step 4/4"), "\(again.errors)")
    }
  }

  /// A disk that is full after some checkpoints, where tests may mount one.
  @Test(.enabled("disks can be mounted") { try canMount() })
  func aFullDiskLeavesTheCheckpointsBefore() throws {
    try withFolder { folder in
      try write(Self.text, "text.txt", in: folder)
      let script = """
        mkdir disk && mount -t tmpfs -o size=256k none disk || exit 9
        "$@" --out disk/a; echo "status $?"
        ls -a disk/a; "$1" generate disk/a --count 4 >&2 && echo "whole"
        """
      let run = try CommandRun(
        ["train", "text.txt", "--steps", "90", "--checkpoint-every", "1"] + Self.small, in: folder,
        script: "exec unshare -rm sh -c '\(script)' sh \"$@\"")
      #expect(run.output.contains("status 1\n"), "\(run.output) \(run.errors)")
      #expect(run.output.hasSuffix("whole\n"), "\(run.output) \(run.errors)")
      #expect(run.errors.contains("error: cannot write "), "\(run.errors)")
      #expect(run.errors.contains("free some space"), "\(run.errors)")
      #expect(run.output.contains("step-1\n") && !run.output.contains("partial"), "\(run.output)")
      #expect(!run.errors.contains("passed over"), "\(run.errors)")
    }
  }

  private static func canMount() throws -> Bool {
    try withFolder { folder in
      try CommandRun(
        [], in: folder, script: "unshare -rm mount -t tmpfs none . 2> /dev/null"
      ).status == 0
    }
  }

  @Test func theMemoryBudgetIsTooSmall() throws {
    try withFolder { folder in
      try write(Self.text, "text.txt", in: folder)
      let run = try CommandRun(
        ["train", "text.txt", "--memory-budget", "50KiB"] + Self.small, in: folder)
      expectError(
        run, "and the budget is 50KiB; the largest:\n", "transformer.",
        "raise it to at least 1MiB")
      let wrong = try CommandRun(["train", "text.txt", "--memory-budget", "lots"], in: folder)
      expectError(wrong, "--memory-budget: expected a size such as 8GiB", status: 2)
    }
  }

  /// With `--debug-numerics` there is a file of the step, which the interpreter runs.
  @Test func theLossIsNotFinite() throws {
    try withFolder { folder in
      try write(Self.text, "text.txt", in: folder)
      let words = ["train", "text.txt", "--learning-rate", "1e30", "--out", "a"] + Self.small
      let run = try CommandRun(words, in: folder)
      expectError(run, "the loss is nan (step ", "lower the learning rate", "--debug-numerics")
      let debugged = try CommandRun(words + ["--debug-numerics"], in: folder)
      expectError(
        debugged, "the first result that is not finite: ", "deepep replay a/capture-step-")
      let path = try #require(debugged.errors.firstMatch(of: /deepep replay (\S+)/)).1
      let replay = try CommandRun(["replay", "\(path)"], in: folder)
      #expect(replay.status == 0, "\(replay.errors)")
      #expect(replay.errors.contains("operation 1 of "), "\(replay.errors)")
      #expect(replay.output.contains("the first result that is not finite: %"), "\(replay.output)")
      expectError(try CommandRun(["replay", "text.txt"], in: folder), "text.txt")
    }
  }

  /// A file with one text in its header replaced by another of the same length.
  private func changed(_ file: Data, _ text: String, _ other: String) throws -> Data {
    let range = try #require(file.range(of: Data(text.utf8)))
    var file = file
    file.replaceSubrange(range, with: Data(other.utf8))
    return file
  }
}

extension Tag {
  /// Tests that start the executable.
  @Tag static var process: Self
}
