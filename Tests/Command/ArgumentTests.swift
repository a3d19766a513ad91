import DeepEPCommand
import Testing

private enum Precision: String, CaseIterable, Sendable { case float32, bfloat16 }

private struct Options: Equatable {
  var text = ""
  var second = "none"
  var steps = 100
  var rate = 3e-4
  var seed: UInt64 = 0
  var out: String?
  var precision = Precision.float32
  var verbose = false
}

/// What a command gets, or the error of its arguments.
private func parse(_ arguments: [String], requiresOut: Bool = false) throws -> Options {
  var result = Options()
  let command = Subcommand(
    "train", summary: "Train.", defaults: Options(),
    parameters: [
      .positional("text", \.text, .path, "the text"),
      .positional("second", \.second, .text, "another", isRequired: false),
      .option("steps", \.steps, .positiveInteger, "how many steps"),
      .option("rate", \.rate, .positiveNumber, "the learning rate"),
      .option("seed", \.seed, .seed, "the seed"),
      .option("out", \.out, .path, "where to", isRequired: requiresOut),
      .option("precision", \.precision, .choice, "of the numbers"),
      .flag("verbose", \.verbose, "say more"),
    ], examples: ["notes.txt"]
  ) { result = $0 }
  try command.run(arguments, output: .standard)
  return result
}

@Suite struct ArgumentTests {
  @Test func readsEveryForm() throws {
    var expected = Options(
      text: "a.txt", steps: 20, rate: 0.5, seed: .max, out: "-x", verbose: true)
    expected.precision = .bfloat16
    #expect(
      try parse([
        "--steps", "20", "a.txt", "--rate=0.5", "--verbose", "--seed", "18446744073709551615",
        "--out", "-x", "--precision=bfloat16",
      ]) == expected)
    #expect(try parse(["a"]) == Options(text: "a"))
    #expect(try parse(["--", "--steps", "-"]) == Options(text: "--steps", second: "-"))
    #expect(try parse(["-", "--out=--x=y"]) == Options(text: "-", out: "--x=y"))
  }

  @Test(arguments: [
    ("--steps ten a", "--steps: expected a positive whole number, got 'ten'", "give a positive"),
    ("--steps 0 a", "--steps: expected a positive whole number, got '0'", "give"),
    ("--steps -5 a", "--steps: expected a positive whole number, got '-5'", "give"),
    ("--steps= a", "--steps: expected a positive whole number, got ''", "give"),
    ("--steps 99999999999999999999 a", "--steps: expected a positive whole number", "give"),
    ("--rate nan a", "--rate: expected a positive number, got 'nan'", "give"),
    ("--rate inf a", "--rate: expected a positive number, got 'inf'", "give"),
    ("--seed -1 a", "--seed: expected a whole number, zero or above", "give"),
    ("--out= a", "--out: expected a path, got ''", "give"),
    (
      "--precision bfloat61 a", "--precision: expected one of float32, bfloat16",
      "did you mean bfloat16?"
    ),
    ("--precision double a", "--precision: expected one of", "give one of"),
    ("a --steps", "--steps: missing value", "give it as --steps N"),
    ("--steps --verbose a", "--steps: missing value", "give it as"),
    ("--verbose=1 a", "--verbose takes no value", "leave"),
    ("--stpes 5 a", "unknown option '--stpes'", "did you mean --steps?"),
    (
      "--precison float32 a", "unknown option '--precison'",
      "did you mean --precision? (float32, bfloat16)"
    ),
    ("--Steps 5 a", "unknown option '--Steps'", "did you mean --steps?"),
    ("--zzzzzzzz a", "unknown option '--zzzzzzzz'", "see deepep train --help"),
    ("-s a", "unknown option '-s'", "see deepep train --help"),
    ("--steps 1 --steps=1 a", "--steps is given twice", "give it once"),
    ("--verbose --verbose a", "--verbose is given twice", "give it once"),
    ("", "TEXT is missing: the text", "see deepep train --help"),
    ("a b c", "unexpected argument 'c'", "see deepep train --help"),
  ])
  func mistakesAreNamed(_ line: String, _ what: String, _ fix: String) {
    let arguments = line.split(separator: " ").map(String.init)
    let error = #expect(throws: UsageError.self) { try parse(arguments) }
    #expect(error?.what.hasPrefix(what) == true, "\(String(describing: error))")
    #expect(error?.fix.hasPrefix(fix) == true, "\(String(describing: error))")
  }

  @Test func aRequiredOptionIsAskedFor() throws {
    let error = #expect(throws: UsageError.self) { try parse(["a"], requiresOut: true) }
    #expect(error?.what == "--out is missing: where to")
    #expect(try parse(["a", "--out", "b"], requiresOut: true).out == "b")
  }

  @Test func theHelpFitsAScreen() {
    let command = Subcommand(
      "train", summary: "Train.", defaults: Options(),
      parameters: [
        .positional("text", \.text, .path, "the text"),
        .positional("second", \.second, .text, "another", isRequired: false),
        .option(
          "steps", \.steps, .positiveInteger,
          "how many steps are made until it ends, and then some more words"),
        .option("precision", \.precision, .choice, "of the numbers"),
        .option("out", \.out, .path, "where to", isRequired: true),
      ], examples: ["notes.txt --out model"]
    ) { _ in }
    #expect(
      command.help == """
        Train.

        usage: deepep train TEXT [SECOND] [options]

        arguments:
          TEXT    the text
          SECOND  another (default: none)

        options:
          --steps N                 how many steps are made until it ends, and then some
                                    more words (default: 100)
          --precision float32|bfloat16
                                    of the numbers (default: float32)
          --out PATH                where to (required)
          --config FILE.json        options from a file; --print-config writes them
          --help, -h                print this and stop

        examples:
          deepep train notes.txt --out model

        """)
  }
}

@Suite struct CommandTableTests {
  private func table(_ body: @escaping () -> Void = {}) -> CommandTable {
    let names = ["train", "generate", "info"]
    return CommandTable(
      summary: "Trains.", version: "DeepEP 1.2.3",
      commands: names.map { name in
        Subcommand(name, summary: "Does \(name).", defaults: (), parameters: [], examples: []) {
          body()
        }
      })
  }

  @Test func runsTheNamedCommand() throws {
    var count = 0
    try table { count += 1 }.run(["info"], output: .standard)
    #expect(count == 1)
  }

  @Test(arguments: [
    (["trian"], "unknown command 'trian'", "did you mean deepep train?"),
    (["genrate", "--help"], "unknown command 'genrate'", "did you mean deepep generate?"),
    (["help", "inf"], "unknown command 'inf'", "did you mean deepep info?"),
    (["frobnicate"], "unknown command 'frobnicate'", "see deepep --help"),
    (["--verbose", "train"], "unknown option '--verbose' before a command", "see deepep --help"),
  ])
  func unknownCommandsAreNamed(_ arguments: [String], _ what: String, _ fix: String) {
    let error = #expect(throws: UsageError.self) {
      try table().run(arguments, output: .standard)
    }
    #expect(error == UsageError(what, fix: fix))
  }

  @Test func listsTheCommands() {
    #expect(table().help.contains("\n  generate  Does generate.\n  info      Does info.\n"))
  }
}
