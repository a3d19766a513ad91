/// Lays out the help of a command and the list of commands, in lines of at most 80 columns.
struct HelpText {
  /// What fits a screen: options that few people need are only named.
  let short: String
  /// Every option with what it does.
  let full: String

  private static let width = 80

  init<Options>(
    command: String, summary: String, parameters: [Parameter<Options>], defaults: Options,
    examples: [String]
  ) {
    let positionals = parameters.filter { !$0.isNamed }
    let named = parameters.filter(\.isNamed)
    let common = named.filter { !$0.isSeldom }
    let seldom = named.filter(\.isSeldom).map(\.displayName)
    let text = { (shown: [Parameter<Options>], others: [String]) in
      [
        Self.usage(command, summary, positionals),
        Self.section("arguments", Self.rows(positionals, defaults)),
        Self.section("options", Self.rows(shown, defaults) + Self.generalRows),
        Self.list("further options, which --help-all explains", others),
        Self.list("examples", examples.map { "deepep \(command) \($0)" }, isWrapped: false),
      ].joined()
    }
    (short, full) = (text(common, seldom), text(named, []))
  }

  /// The list of commands.
  static func list(summary: String, commands: [(String, String)]) -> String {
    "\(summary)\n\nusage: deepep COMMAND [options]\n" + section("commands", commands)
      + "\nSee deepep COMMAND --help for what a command takes; deepep --version says which this is.\n"
  }

  private static var generalRows: [(String, String)] {
    [
      ("--config FILE.json", "options from a file; --print-config writes them"),
      ("--help, -h", "print this and stop"),
    ]
  }

  private static func usage<Options>(
    _ command: String, _ summary: String, _ positionals: [Parameter<Options>]
  ) -> String {
    let places = positionals.filter { $0.form != .rest }.map { parameter in
      let name = parameter.displayName + (parameter.form == .positionals ? "..." : "")
      return parameter.isRequired ? name : "[\(name)]"
    }
    let rest = positionals.filter { $0.form == .rest }.map { "[--] \($0.displayName)..." }
    let usage = ["deepep \(command)"] + places + ["[options]"] + rest
    return "\(summary)\n\nusage: \(usage.joined(separator: " "))\n"
  }

  private static func rows<Options>(
    _ parameters: [Parameter<Options>], _ defaults: Options
  ) -> [(String, String)] {
    parameters.map { (label($0), text($0, defaults: defaults)) }
  }

  private static func label<Options>(_ parameter: Parameter<Options>) -> String {
    [.option, .openOption].contains(parameter.form)
      ? "\(parameter.displayName) \(parameter.placeholder)" : parameter.displayName
  }

  private static func text<Options>(_ parameter: Parameter<Options>, defaults: Options) -> String {
    if parameter.form == .option, parameter.isRequired { return "\(parameter.help) (required)" }
    guard !parameter.isRequired, parameter.form != .flag, let value = parameter.text(defaults)
    else { return parameter.help }
    return "\(parameter.help) (default: \(value == "\n" ? "a new line" : value))"
  }

  private static func section(_ title: String, _ rows: [(String, String)]) -> String {
    guard !rows.isEmpty else { return "" }
    let column = min(28, (rows.map(\.0.count).max() ?? 0) + 4)
    return "\n\(title):\n" + rows.map { row($0.0, $0.1, column: column) }.joined()
  }

  private static func row(_ label: String, _ text: String, column: Int) -> String {
    let indent = String(repeating: " ", count: column)
    let lines = wrapped(text, width: width - column)
    let start = "  " + wrapped(label, width: width - 7, at: "|").joined(separator: "\n      ")
    let first =
      start.count + 2 > column
      ? "\(start)\n\(indent)" : start + String(repeating: " ", count: column - start.count)
    return first + lines.joined(separator: "\n\(indent)") + "\n"
  }

  private static func list(_ title: String, _ items: [String], isWrapped: Bool = true) -> String {
    guard !items.isEmpty else { return "" }
    let lines =
      isWrapped ? wrapped(items.joined(separator: ", "), width: width - 2) : items
    return "\n\(title):\n" + lines.map { "  \($0)\n" }.joined()
  }

  /// Lines that end at separators, of which only those that are no spaces stay at the ends of lines.
  private static func wrapped(
    _ text: String, width: Int, at separator: Character = " "
  ) -> [String] {
    var lines = [""]
    for word in text.split(separator: separator) {
      let line = lines[lines.count - 1]
      if line.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if line.count + 1 + word.count <= width {
        lines[lines.count - 1] = "\(line)\(separator)\(word)"
      } else {
        if separator != " " { lines[lines.count - 1].append(separator) }
        lines.append(String(word))
      }
    }
    return lines
  }
}
