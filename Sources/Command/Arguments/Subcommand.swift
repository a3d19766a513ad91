import DeepEPTraining
/// A subcommand of `deepep`: its name, what it takes, and what it does.
package struct Subcommand {
  /// The name by which it is called.
  package let name: String
  /// What it does, in a line.
  package let summary: String
  /// The text of `--help`; fits a screen.
  package let help: String
  private let run: ([String]) throws -> Void

  /// Makes a command that fills `defaults` from its arguments and runs `body` with them.
  ///
  /// `examples` are command lines without the leading `deepep NAME`.
  package init<Options>(
    _ name: String, summary: String, defaults: Options, parameters: [Parameter<Options>],
    examples: [String], body: @escaping (Options) throws -> Void
  ) {
    self.name = name
    self.summary = summary
    help = HelpText.of(
      command: name, summary: summary, parameters: parameters, defaults: defaults,
      examples: examples)
    run = { arguments in
      var parser = ArgumentParser(command: name, parameters: parameters, defaults: defaults)
      try body(try parser.parse(arguments))
    }
  }

  /// Runs the command, or prints its help when that is asked for before any `--`.
  ///
  /// Throws ``UsageError`` for arguments that it does not take, and what its body throws.
  package func run(_ arguments: [String], output: TerminalOutput) throws {
    let isHelp = arguments.prefix { $0 != "--" }.contains { $0 == "--help" || $0 == "-h" }
    if isHelp { try output.write(help) } else { try run(arguments) }
  }
}
