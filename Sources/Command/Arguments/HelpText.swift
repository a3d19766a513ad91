/// Lays out the help of a command and the list of commands, in lines of at most 80 columns.
enum HelpText {
  private static let width = 80

  static func of<Options>(
    command: String, summary: String, parameters: [Parameter<Options>], defaults: Options,
    examples: [String]
  ) -> String {
    let positionals = parameters.filter { !$0.isNamed }
    let named = parameters.filter(\.isNamed)
    let places = positionals.filter { $0.form == .positional }.map(usageText)
    let rest = positionals.filter { $0.form == .rest }.map { "[--] \($0.displayName)..." }
    let usage = ["deepep \(command)"] + places + ["[options]"] + rest
    let rows = { (list: [Parameter<Options>]) in
      list.map { (label($0), text($0, defaults: defaults)) }
    }
    let help = [("--help, -h", "print this and stop")]
    return [
      "\(summary)\n\nusage: \(usage.joined(separator: " "))\n",
      section("arguments", rows(positionals)), section("options", rows(named) + help),
      examples.isEmpty ? "" : "\nexamples:\n",
      examples.map { "  deepep \(command) \($0)\n" }.joined(),
    ].joined()
  }

  static func list(summary: String, commands: [(String, String)]) -> String {
    "\(summary)\n\nusage: deepep COMMAND [options]\n" + section("commands", commands)
      + "\nSee deepep COMMAND --help for what a command takes.\n"
  }

  private static func usageText<Options>(_ parameter: Parameter<Options>) -> String {
    parameter.isRequired ? parameter.displayName : "[\(parameter.displayName)]"
  }

  private static func label<Options>(_ parameter: Parameter<Options>) -> String {
    parameter.form == .option
      ? "\(parameter.displayName) \(parameter.placeholder)" : parameter.displayName
  }

  private static func text<Options>(_ parameter: Parameter<Options>, defaults: Options) -> String {
    if parameter.form == .option, parameter.isRequired { return "\(parameter.help) (required)" }
    return parameter.help + (parameter.defaultText(defaults).map { " (default: \($0))" } ?? "")
  }

  private static func section(_ title: String, _ rows: [(String, String)]) -> String {
    guard !rows.isEmpty else { return "" }
    let column = min(28, (rows.map(\.0.count).max() ?? 0) + 4)
    return "\n\(title):\n" + rows.map { row($0.0, $0.1, column: column) }.joined()
  }

  private static func row(_ label: String, _ text: String, column: Int) -> String {
    let indent = String(repeating: " ", count: column)
    let lines = wrapped(text, width: width - column)
    let start = "  \(label)"
    let first =
      start.count + 2 > column
      ? "\(start)\n\(indent)" : start + String(repeating: " ", count: column - start.count)
    return first + lines.joined(separator: "\n\(indent)") + "\n"
  }

  private static func wrapped(_ text: String, width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      let line = lines[lines.count - 1]
      if line.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if line.count + 1 + word.count <= width {
        lines[lines.count - 1] = "\(line) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
