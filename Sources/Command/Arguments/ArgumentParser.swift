/// Reads the arguments of one command into its options.
struct ArgumentParser<Options> {
  private let command: String
  private let parameters: [Parameter<Options>]
  private var options: Options
  private var given: Set<String> = []
  private var positionalCount = 0

  init(command: String, parameters: [Parameter<Options>], defaults: Options) {
    self.command = command
    self.parameters = parameters
    options = defaults
  }

  /// The options after reading all `arguments`; throws ``UsageError`` for the first mistake.
  mutating func parse(_ arguments: [String]) throws -> Options {
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
    try checkRequired()
    return options
  }

  private mutating func takeOption(_ argument: String, from rest: inout ArraySlice<String>) throws {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let parameter = try parameter(writtenAs: String(parts[0]))
    let attached = parts.count > 1 ? String(parts[1]) : nil
    guard given.insert(parameter.name).inserted else {
      throw UsageError("\(parameter.displayName) is given twice", fix: "give it once")
    }
    try parameter.apply(&options, value(of: parameter, attached: attached, from: &rest))
  }

  private func value(
    of parameter: Parameter<Options>, attached: String?, from rest: inout ArraySlice<String>
  ) throws -> String {
    if parameter.form == .flag {
      guard attached == nil else {
        throw UsageError("\(parameter.displayName) takes no value", fix: "leave the value out")
      }
      return ""
    }
    if let attached { return attached }
    // A value that begins with two dashes has to be attached by "=".
    guard let next = rest.first, !next.hasPrefix("--") else {
      throw UsageError(
        "\(parameter.displayName): missing value",
        fix: "give it as \(parameter.displayName) \(parameter.placeholder)")
    }
    return rest.removeFirst()
  }

  private func parameter(writtenAs text: String) throws -> Parameter<Options> {
    let named = parameters.filter(\.isNamed)
    if let parameter = named.first(where: { $0.displayName == text }) { return parameter }
    let nearest = NearestName.of(text, among: named.map(\.displayName) + ["--help"])
    throw UsageError(
      "unknown option '\(text)'",
      fix: nearest.map { "did you mean \($0)?" } ?? "see deepep \(command) --help")
  }

  /// Takes a word by its place; returns whether all that follow belong to it.
  private mutating func takePositional(_ argument: String) throws -> Bool {
    let positionals = parameters.filter { !$0.isNamed }
    guard positionalCount < positionals.count else {
      throw UsageError("unexpected argument '\(argument)'", fix: "see deepep \(command) --help")
    }
    let parameter = positionals[positionalCount]
    positionalCount += parameter.form == .rest ? 0 : 1
    given.insert(parameter.name)
    try parameter.apply(&options, argument)
    return parameter.form == .rest
  }

  private func checkRequired() throws {
    for parameter in parameters where parameter.isRequired && !given.contains(parameter.name) {
      throw UsageError(
        "\(parameter.displayName) is missing: \(parameter.help)",
        fix: "see deepep \(command) --help")
    }
  }
}
