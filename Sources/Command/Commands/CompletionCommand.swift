import DeepEPTraining

/// `deepep completion`: what makes a shell complete commands, options and their values.
struct CompletionCommand {
  /// The shells for which there are scripts.
  enum Shell: String, CaseIterable {
    case bash, zsh
  }

  var shell = Shell.bash

  /// - Parameter commands: The other commands.
  static func command(of commands: [Subcommand], output: TerminalOutput) -> Subcommand {
    Subcommand(
      "completion", summary: "Write a script by which a shell completes commands and options.",
      defaults: CompletionCommand(),
      parameters: [.positional("shell", \.shell, .choice, "the shell", isRequired: true)],
      examples: ["bash > ~/.local/share/bash-completion/completions/deepep", "zsh > ~/_deepep"]
    ) { options in
      let own = command(of: [], output: output)
      switch options.shell {
      case .bash: try output.write(BashCompletion(commands + [own]).script)
      case .zsh: try output.write(ZshCompletion(commands + [own]).script)
      }
    }
  }
}
