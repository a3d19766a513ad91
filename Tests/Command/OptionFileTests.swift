import DeepEPCommand
import DeepEPTraining
import Foundation
import Testing

private enum Order: String, CaseIterable, Sendable { case first, secondLast = "second-last" }

private struct Options: Equatable {
  var text: String?
  var steps = 100
  var rate: Double?
  var seed: UInt64 = 0
  var order = Order.first
  var verbose = false
}

private var parameters: [Parameter<Options>] {
  [
    .positional("text", \.text, .path, "the text"),
    .option("steps", \.steps, .positiveInteger, "how many steps"),
    .option("learning-rate", \.rate, .positiveNumber, "the rate"),
    .option("seed", \.seed, .seed, "the seed"), .option("order", \.order, .choice, "the order"),
    .flag("verbose", \.verbose, "say more"),
  ]
}

/// What a command gets with files of options in the place of %, or the error of its arguments.
private func parse(_ line: String, files: [String] = []) throws -> Options {
  try withFolder { folder in
    var words = line.split(separator: " ").map(String.init)
    for (number, text) in files.enumerated() {
      let file = folder.appendingPathComponent("\(number).json")
      try Data(text.utf8).write(to: file)
      words = words.map { $0.replacingOccurrences(of: "%\(number)", with: file.path) }
    }
    var result = Options()
    let command = Subcommand(
      "train", summary: "Train.", defaults: Options(), parameters: parameters, examples: []
    ) { result = $0 }
    try command.run(words, output: .standard)
    return result
  }
}

/// `--config` and `--print-config`.
@Suite struct OptionFileTests {
  private static let file = """
    {"text": "a.txt", "steps": 7, "learning-rate": 2e-3, "seed": 18446744073709551615,
     "order": "second-last", "verbose": true}
    """

  @Test func everyFlagIsAField() throws {
    let expected = Options(
      text: "a.txt", steps: 7, rate: 2e-3, seed: .max, order: .secondLast, verbose: true)
    #expect(try parse("--config %0", files: [Self.file]) == expected)
    #expect(try parse("--config=%0", files: ["{\"steps\": null}"]) == Options())
    #expect(try parse("--config=%0", files: ["{\"steps\": 3.0}"]) == Options(steps: 3))
  }

  @Test func theCommandLineWins() throws {
    let options = try parse("--steps 9 --config %0 b.txt --seed 1", files: [Self.file])
    #expect(
      options
        == Options(
          text: "b.txt", steps: 9, rate: 2e-3, seed: 1, order: .secondLast, verbose: true))
  }

  @Test(arguments: [
    ("{\"stepps\": 1}", "unknown field 'stepps'", "did you mean 'steps'?"),
    ("{\"learning_rate\": 1}", "unknown field 'learning_rate'", "did you mean 'learning-rate'?"),
    ("{\"zzzzzzzzz\": 1}", "unknown field 'zzzzzzzzz'", "--print-config"),
    ("{\"steps\": \"7\"}", "field 'steps': expected a number, got the text \"7\"", "write it as"),
    ("{\"steps\": 0}", "field 'steps': expected a positive whole number, got '0'", "give"),
    ("{\"steps\": 1.5}", "field 'steps': expected a positive whole number, got '1.5'", "give"),
    ("{\"steps\": [7]}", "field 'steps': expected a number, got a list", "write"),
    ("{\"text\": 7}", "field 'text': expected a text, got the number 7", "write it as \"text\""),
    ("{\"verbose\": 1}", "field 'verbose': expected true or false, got the number 1", "write"),
    ("{\"order\": \"frist\"}", "field 'order': expected one of first", "did you mean first?"),
    ("[1]", "no object of JSON with the options of a command", "write it as"),
    ("{\"steps\": 7", "no object of JSON with the options of a command", "write it as"),
    ("", "no object of JSON with the options of a command", "write it as"),
  ])
  func mistakesAreNamed(_ text: String, _ what: String, _ fix: String) {
    let error = #expect(throws: UsageError.self) { try parse("--config %0", files: [text]) }
    #expect(error?.what.contains(what) == true, "\(String(describing: error))")
    #expect(error?.fix.hasPrefix(fix) == true, "\(String(describing: error))")
  }

  @Test func aFileThatIsNotThereIsNamed() {
    let error = #expect(throws: UsageError.self) { try parse("--config nothing.json") }
    #expect(error?.what == "the file cannot be read (nothing.json)")
    #expect(throws: UsageError("--config: missing value", fix: "give it as --config FILE")) {
      try parse("--config")
    }
  }
}

/// What all commands have.
@Suite(.tags(.process)) struct CommandTests {
  private func commands(in folder: URL) throws -> [String] {
    try CommandRun(["--help"], in: folder).output.matches(of: #/\n  ([a-z]+) /#).map { "\($0.1)" }
  }

  /// A terminal of 40 lines.
  @Test func theHelpFitsAScreen() throws {
    try withFolder { folder in
      let names = try commands(in: folder)
      #expect(names.contains("train") && names.contains("launch"))
      for name in names {
        let lines = try CommandRun([name, "--help"], in: folder).output.split(
          separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 40 && lines.count > 5, "\(name)")
        #expect(lines.allSatisfy { $0.count <= 80 }, "\(name)")
        let all = try CommandRun([name, "--help-all"], in: folder).output
        #expect(!all.contains("--help-all"), "\(name)")
      }
      let train = try CommandRun(["train", "--help-all"], in: folder).output
      for option in ["--weight-decay X", "--schedule cosine|linear|wsd|constant"] {
        #expect(train.contains("  \(option)"))
      }
    }
  }

  /// The printed options are a file of options that says the same.
  @Test func printedOptionsAreRead() throws {
    try withFolder { folder in
      for line in [
        ["train", "a.txt", "--time-limit", "90", "--strategy", "data=2,zero=1", "--keep", "3"],
        ["train", "a.txt", "[b]", "--weights", "3,0.5", "--memory-budget", "8GiB"],
        ["train", "[b]"], ["generate", "--prompt", "\"a\\\nb"],
        ["benchmark", "gpt-tiny", "--json"],
      ] {
        let printed = try CommandRun(line + ["--print-config"], in: folder)
        #expect(printed.status == 0, "\(printed.errors)")
        try Data(printed.output.utf8).write(to: folder.appendingPathComponent("c.json"))
        let again = try CommandRun([line[0], "--config", "c.json", "--print-config"], in: folder)
        #expect(again.output == printed.output && !again.output.isEmpty, "\(again.errors)")
      }
    }
  }
}
