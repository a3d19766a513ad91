/// An option or positional argument of a command, as shells complete it.
struct CompletedWord {
  /// What follows it, or for a positional argument what it is.
  enum Value: Equatable {
    /// Nothing.
    case none
    /// One of a few words.
    case choices([String])
    /// A file or folder.
    case path
    /// Anything else, such as a number.
    case other
  }

  /// As it is typed; nil for a positional argument.
  let option: String?
  let help: String
  let value: Value

  init<Options>(_ parameter: Parameter<Options>) {
    option = parameter.isNamed ? parameter.displayName : nil
    help = parameter.help
    if parameter.form == .flag {
      value = .none
    } else if parameter.isPath {
      value = .path
    } else {
      value = parameter.choices.isEmpty ? .other : .choices(parameter.choices)
    }
  }

  private init(_ option: String, _ value: Value, _ help: String) {
    (self.option, self.value, self.help) = (option, value, help)
  }

  /// What every command takes.
  static let general = [
    CompletedWord("--config", .path, "options from a file"),
    CompletedWord("--print-config", .none, "print the options as a file"),
    CompletedWord("--help", .none, "print the help"),
    CompletedWord("--help-all", .none, "print the help with every option"),
  ]
}
