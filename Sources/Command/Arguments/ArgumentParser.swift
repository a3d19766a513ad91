/// Reads the words of one command: which of its parameters is given, with which text.
struct ArgumentParser<Options> {
  private let command: String
  private let parameters: [Parameter<Options>]
  private var given: GivenArguments<Options>
  private var names: Set<String> = []
  private var positionalCount = 0

  private static var configuration: String { "--config" }
  private static var printing: String { "--print-config" }

  init(command: String, parameters: [Parameter<Options>], defaults: Options) {
    self.command = command
    self.parameters = parameters
    given = GivenArguments(command: command, parameters: parameters, defaults: defaults)
  }

  /// What all `arguments` say; throws ``UsageError`` for the first that cannot be understood.
  mutating func parse(_ arguments: [String]) throws -> GivenArguments<Options> {
    var rest = arguments[...]
    var onlyPositionals = false
    while let argument = rest.popFirst() {
      if argument == "--", !onlyPositionals {
        onlyPositionals = true
      } else if argument.hasPrefix("-"), argument != "-", !onlyPositionals {
        try takeOption(argument, from: &rest)
      } else {
        onlyPositionals = try takePositional(argument) || onlyPositionals
      }
    }
    return given
  }

  private mutating func takeOption(_ argument: String, from rest: inout ArraySlice<String>) throws {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let (name, attached) = (String(parts[0]), parts.count > 1 ? String(parts[1]) : nil)
    let known = parameters.first { $0.isNamed && $0.displayName == name }
    guard known != nil || [Self.configuration, Self.printing].contains(name) else {
      throw unknown(name)
    }
    guard names.insert(name).inserted else {
      throw UsageError("\(name) is given twice", fix: "give it once")
    }
    switch (known, name) {
    case (let parameter?, _):
      given.add(parameter, try value(of: parameter, attached: attached, from: &rest))
    case (nil, Self.configuration):
      given.configurationPath = try attached ?? next(for: name, "FILE", from: &rest)
    default:
      if attached != nil { throw hasNoValue(name) }
      given.printsConfiguration = true
    }
  }

  private func value(
    of parameter: Parameter<Options>, attached: String?, from rest: inout ArraySlice<String>
  ) throws -> String {
    switch parameter.form {
    case .flag where attached != nil: throw hasNoValue(parameter.displayName)
    case .flag: return parameter.loneValue
    case .openOption where attached == nil && (rest.first?.hasPrefix("-") ?? true):
      return parameter.loneValue
    default:
      return try attached ?? next(for: parameter.displayName, parameter.placeholder, from: &rest)
    }
  }

  /// The next word; one that begins with two dashes has to be attached by "=".
  private func next(
    for name: String, _ placeholder: String, from rest: inout ArraySlice<String>
  ) throws -> String {
    guard let next = rest.first, !next.hasPrefix("--") else {
      throw UsageError("\(name): missing value", fix: "give it as \(name) \(placeholder)")
    }
    return rest.removeFirst()
  }

  private func hasNoValue(_ name: String) -> UsageError {
    UsageError("\(name) takes no value", fix: "leave the value out")
  }

  private func unknown(_ name: String) -> UsageError {
    let names = parameters.filter(\.isNamed).map(\.displayName)
    let nearest =
      ForeignName.ours(name, among: names)
      ?? NearestName.of(
        name, among: names + ["--help", "--help-all", Self.configuration, Self.printing])
    return UsageError(
      "unknown option '\(name)'",
      fix: nearest.map { "did you mean \($0)?\(choices(of: $0))" } ?? "see deepep \(command) --help"
    )
  }

  /// The values of an option, if they are few, in brackets.
  private func choices(of name: String) -> String {
    let choices = parameters.first { $0.isNamed && $0.displayName == name }?.choices ?? []
    return choices.isEmpty ? "" : " (\(choices.joined(separator: ", ")))"
  }

  /// Takes a word by its place; returns whether all that follow belong to it.
  private mutating func takePositional(_ argument: String) throws -> Bool {
    let positionals = parameters.filter { !$0.isNamed }
    guard positionalCount < positionals.count else {
      throw UsageError("unexpected argument '\(argument)'", fix: "see deepep \(command) --help")
    }
    let parameter = positionals[positionalCount]
    positionalCount += parameter.form == .positional ? 1 : 0
    given.add(parameter, argument)
    return parameter.form == .rest
  }
}
