import DeepEPTraining
/// A subcommand of `deepep`: its name, what it takes, and what it does.
package struct Subcommand {
  /// The name by which it is called.
  package let name: String
  /// What it does, in a line.
  package let summary: String
  /// The text of `--help`; fits a screen.
  package let help: String
  /// The help with every option.
  package let fullHelp: String
  /// Command lines without the leading `deepep NAME`.
  package let examples: [String]
  /// What it takes, as shells complete it.
  let words: [CompletedWord]
  /// Reads arguments, and does nothing with them; throws ``UsageError`` for what cannot be understood.
  package let read: ([String]) throws -> Void
  private let run: ([String], TerminalOutput) throws -> Void

  /// Makes a command that fills `defaults` from its arguments and runs `body` with them.
  ///
  /// `examples` are command lines without the leading `deepep NAME`.
  package init<Options>(
    _ name: String, summary: String, defaults: Options, parameters: [Parameter<Options>],
    examples: [String], body: @escaping (Options) throws -> Void
  ) {
    self.init(
      name, summary: summary, defaults: defaults, parameters: parameters, examples: examples,
      givenBody: { given, output in
        let options = try given.options()
        guard !given.printsConfiguration else { return try output.write(given.text(of: options)) }
        try body(options)
      })
  }

  /// Makes a command that asks for its options when it knows what else there is to them.
  package init<Options>(
    _ name: String, summary: String, defaults: Options, parameters: [Parameter<Options>],
    examples: [String],
    givenBody: @escaping (GivenArguments<Options>, TerminalOutput) throws -> Void
  ) {
    self.name = name
    self.summary = summary
    let help = HelpText(
      command: name, summary: summary, parameters: parameters, defaults: defaults,
      examples: examples)
    (self.help, fullHelp) = (help.short, help.full)
    self.examples = examples
    words = parameters.map { CompletedWord($0) } + CompletedWord.general
    read = { arguments in
      var parser = ArgumentParser(command: name, parameters: parameters, defaults: defaults)
      _ = try parser.parse(arguments).options()
    }
    run = { arguments, output in
      var parser = ArgumentParser(command: name, parameters: parameters, defaults: defaults)
      try givenBody(try parser.parse(arguments), output)
    }
  }

  /// Runs the command, or prints its help when that is asked for before any `--`.
  ///
  /// Throws ``UsageError`` for arguments that it does not take, and what its body throws.
  package func run(_ arguments: [String], output: TerminalOutput) throws {
    let words = arguments.prefix { $0 != "--" }
    if words.contains("--help-all") { return try output.write(fullHelp) }
    let isHelp = words.contains { $0 == "--help" || $0 == "-h" }
    if isHelp { try output.write(help) } else { try run(arguments, output) }
  }
}
