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
      let unknown = try CommandRun(
        ["generate", "a", "--prompt", "\u{3a9}"], in: folder)
      expectError(unknown, "\u{3a9}")
      let fine = try CommandRun(["generate", "a/step-2", "--count", "8"], in: folder)
      #expect(fine.status == 0, "\(fine.errors)")
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
