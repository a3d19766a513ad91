import DeepEPTraining
/// The subcommands of the executable, and which one an argument list calls.
package struct CommandTable {
  private let summary: String
  private let version: String
  /// The commands, in the order in which they are listed.
  package let commands: [Subcommand]

  /// Makes a table; `summary` says in a line what the executable is, `version` what `--version` answers.
  package init(summary: String, version: String, commands: [Subcommand]) {
    (self.summary, self.version) = (summary, version)
    self.commands = commands
  }

  /// Runs the command that the first of `arguments` names with the others.
  ///
  /// `--help`, `-h`, `help` or nothing prints the list of commands, `help NAME` the help of one.
  /// Throws ``UsageError`` for an unknown command, and what the command throws.
  package func run(_ arguments: [String], output: TerminalOutput) throws {
    guard let name = arguments.first else { return try output.write(help) }
    switch name {
    case "help" where arguments.count > 1: try output.write(command(arguments[1]).help)
    case "--help", "-h", "help": try output.write(help)
    case "--version": try output.write("\(version)\n")
    default: try command(name).run(Array(arguments.dropFirst()), output: output)
    }
  }

  /// The list of commands.
  package var help: String {
    HelpText.list(summary: summary, commands: commands.map { ($0.name, $0.summary) })
  }

  private func command(_ name: String) throws -> Subcommand {
    if let command = commands.first(where: { $0.name == name }) { return command }
    let nearest = NearestName.of(name, among: commands.map(\.name))
    throw UsageError(
      name.hasPrefix("-")
        ? "unknown option '\(name)' before a command" : "unknown command '\(name)'",
      fix: nearest.map { "did you mean deepep \($0)?" } ?? "see deepep --help")
  }
}
