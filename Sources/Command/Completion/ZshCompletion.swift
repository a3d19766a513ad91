/// A script that makes zsh complete `deepep`, from its commands.
struct ZshCompletion {
  private let commands: [Subcommand]

  init(_ commands: [Subcommand]) { self.commands = commands }

  /// The script, to be sourced, or kept as `_deepep` in a folder of `fpath`.
  var script: String {
    """
    #compdef deepep
    # Completion of deepep for zsh, written by: deepep completion zsh
    _deepep() {
      local -a commands=(
    \(commands.map { "    \(quoted("\($0.name):\($0.summary)"))" }.joined(separator: "\n"))
      )
      if ((CURRENT == 2)); then
        _describe command commands
        return
      fi
      local command=$words[2]
      shift words
      ((CURRENT--))
      case $command in
    \(commands.map(row).joined(separator: "\n"))
      esac
    }
    if [[ $funcstack[1] == _deepep ]]; then _deepep "$@"; else compdef _deepep deepep; fi

    """
  }

  private func row(_ command: Subcommand) -> String {
    let specifications = command.words.map { "        \(quoted(specification($0)))" }
    return "    \(command.name))\n      _arguments \\\n"
      + specifications.joined(separator: " \\\n") + " ;;"
  }

  /// As `_arguments` of zsh reads it: an option with its help and value, or a positional argument.
  private func specification(_ word: CompletedWord) -> String {
    guard let option = word.option else { return "*:\(plain(word.help)):\(action(word.value))" }
    let head = "\(option)[\(plain(word.help))]"
    return word.value == .none ? head : "\(head):value:\(action(word.value))"
  }

  private func action(_ value: CompletedWord.Value) -> String {
    switch value {
    case .none, .other: " "
    case .path: "_files"
    case .choices(let words): "(\(words.map(plain).joined(separator: " ")))"
    }
  }

  private func plain(_ text: String) -> String {
    ["\\", ":", "[", "]"].reduce(text) { $0.replacing($1, with: "\\\($1)") }
  }

  private func quoted(_ text: String) -> String {
    "'\(text.replacing("'", with: "'\\''"))'"
  }
}
