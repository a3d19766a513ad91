/// A script that makes bash complete `deepep`, from its commands.
struct BashCompletion {
  private let commands: [Subcommand]

  init(_ commands: [Subcommand]) { self.commands = commands }

  /// The script, to be sourced, or kept where bash-completion looks.
  ///
  /// A word after `--` is the command of a launched rank. Where a path is wanted nothing is offered: then bash offers files.
  var script: String {
    """
    # Completion of deepep for bash, written by: deepep completion bash
    _deepep() {
      local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} start=0 index
      for ((index = 1; index < COMP_CWORD; index++)); do
        if [[ ${COMP_WORDS[index]} == -- ]]; then start=$index; fi
      done
      COMPREPLY=()
      if ((COMP_CWORD == start + 1)); then
        COMPREPLY=($(compgen -W "\(names)" -- "$current"))
        return
      fi
      case "${COMP_WORDS[start+1]} $previous" in
    \(values.joined(separator: "\n"))
      esac
      case "${COMP_WORDS[start+1]} $current" in
    \(commands.map(words).joined(separator: "\n"))
      esac
    }
    complete -o default -F _deepep deepep

    """
  }

  private var names: String { commands.map(\.name).joined(separator: " ") }

  /// What follows options that take a value.
  private var values: [String] {
    commands.flatMap { command in
      command.words.compactMap { word -> String? in
        guard let option = word.option, let answer = answer(word.value) else { return nil }
        return "    \"\(command.name) \(option)\") \(answer); return ;;"
      }
    }
  }

  /// What is done for a value; nil if there is none.
  private func answer(_ value: CompletedWord.Value) -> String? {
    switch value {
    case .none: nil
    case .path: ":"
    case .other: "compopt +o default 2>/dev/null"
    case .choices(let words): offer(words)
    }
  }

  private func offer(_ words: [String]) -> String {
    "COMPREPLY=($(compgen -W \"\(words.joined(separator: " "))\" -- \"$current\"))"
  }

  /// The options of a command, and the words that its places take.
  private func words(_ command: Subcommand) -> String {
    let options = command.words.compactMap(\.option)
    let places = command.words.filter { $0.option == nil }.flatMap { word -> [String] in
      if case .choices(let words) = word.value { words } else { [] }
    }
    return "    \"\(command.name) -\"*) \(offer(options)) ;;\n"
      + "    \"\(command.name) \"*) \(places.isEmpty ? ":" : offer(places)) ;;"
  }
}
