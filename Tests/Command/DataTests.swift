import Foundation
import Testing

/// `deepep train` on texts that are tokenised once, and on several of them.
@Suite(.tags(.process)) struct DataTests {
  private static let small = [
    "--layers", "1", "--width", "16", "--heads", "2", "--context", "16", "--batch", "4",
    "--sample", "0",
  ]

  private func train(_ words: [String], in folder: URL) throws -> CommandRun {
    try CommandRun(["train"] + words + Self.small, in: folder)
  }

  private func losses(_ name: String, in folder: URL) throws -> [Substring] {
    try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      .split(separator: "\n").compactMap { $0.firstMatch(of: /"loss": ?([^,}]+)/)?.1 }
  }

  /// A file of tokens that is damaged is said, and made again; the losses are the same each time.
  @Test func aLargeTextIsTokenisedOnce() throws {
    try withFolder { folder in
      let text = String(repeating: RankJob.text, count: 1 + (1 << 20) / RankJob.text.utf8.count)
      try Data(text.utf8).write(to: folder.appendingPathComponent("text.txt"))
      let cache = folder.appendingPathComponent("cache")
      let words = ["text.txt", "--tokenizer", "bpe:300", "--token-cache", "cache", "--steps", "2"]
      let runs = try (0..<3).map { number in
        if number == 2 {
          let name = try FileManager.default.contentsOfDirectory(atPath: cache.path)[0]
          let path = cache.appendingPathComponent(name)
          var bytes = try Data(contentsOf: path)
          bytes[bytes.count - 9] ^= 1
          try bytes.write(to: path)
        }
        return try train(words + ["--metrics", "\(number)"], in: folder)
      }
      for run in runs { #expect(run.status == 0, "\(run.errors)") }
      let kept = ", as an earlier run has made them"
      #expect(runs.map { $0.output.contains(kept) } == [false, true, false])
      #expect(runs[2].errors.contains("deepep: tokens are made again: "), "\(runs[2].errors)")
      #expect(runs[2].errors.contains("not that of its checksum (cache/"), "\(runs[2].errors)")
      let found = try (0..<3).map { try losses("\($0)", in: folder) }
      #expect(found[0].count == 2 && found[0] == found[1] && found[0] == found[2])
      #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).count == 1)
    }
  }

  /// Two sets of data in shares; a run that goes on in the middle sees the examples of one that was not stopped.
  @Test func severalTextsHaveShares() throws {
    try withFolder { folder in
      try Data(RankJob.text.utf8).write(to: folder.appendingPathComponent("a.txt"))
      let other = folder.appendingPathComponent("b")
      try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
      try Data(String(RankJob.text.reversed()).utf8).write(
        to: other.appendingPathComponent("c.txt"))
      let words = ["a.txt", "b", "--weights", "3,1"]
      let schedule = ["--schedule", "constant", "--dropout", "0.1"]
      let alone = try train(words + schedule + ["--steps", "6", "--metrics", "alone"], in: folder)
      #expect(alone.output.contains("data    a.txt: 4.6KiB, 4,740 characters ("), "\(alone.output)")
      #expect(alone.output.contains(", 75.0 % of the examples"), "\(alone.output)")
      #expect(alone.output.contains("data    b: 4.6KiB, 4,740 characters ("), "\(alone.output)")
      #expect(alone.output.contains("validation loss"), "\(alone.output)")
      let first = try train(
        words + schedule + ["--steps", "3", "--metrics", "two", "--out", "run"], in: folder)
      #expect(first.status == 0, "\(first.errors)")
      let second = try CommandRun(
        ["train", "--resume", "run", "--steps", "6", "--metrics", "two"], in: folder)
      #expect(second.status == 0 && second.output.contains("25.0 %"), "\(second.errors)")
      #expect(try losses("alone", in: folder).count == 6)
      #expect(try losses("alone", in: folder) == losses("two", in: folder))
      let wrong = try train(words.dropLast() + ["1"], in: folder)
      #expect(wrong.status == 1 && wrong.errors.contains("1 weight for 2 sets of data"))
      let negative = try train(words.dropLast() + ["1,-1"], in: folder)
      #expect(negative.status == 2 && negative.errors.contains("expected positive numbers"))
    }
  }

  /// A run that goes on keeps its tokens, whatever has become of the text.
  @Test func aTextMayGrow() throws {
    try withFolder { folder in
      let path = folder.appendingPathComponent("text.txt")
      try Data(RankJob.text.utf8).write(to: path)
      let words = ["text.txt", "--tokenizer", "bpe:270", "--out", "run"]
      #expect(try train(words + ["--steps", "1"], in: folder).status == 0)
      try Data(("zebras and zeal; " + RankJob.text + "zoo zoo zoo").utf8).write(to: path)
      let more = try CommandRun(["train", "--resume", "run", "--steps", "2"], in: folder)
      #expect(more.status == 0, "\(more.errors)")
      let tokenizers = try [1, 2].map { step in
        let file = try Data(contentsOf: folder.appendingPathComponent("run/step-\(step)"))
        let header = String(decoding: file.prefix(1 << 16), as: UTF8.self)
        return header.firstMatch(of: /"deepep.tokenizer":"(.*?[^\\])"/)?.1
      }
      #expect(tokenizers[0] != nil && tokenizers[0] == tokenizers[1])
    }
  }
}
