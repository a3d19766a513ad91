/// One thing that a command takes: an option, a flag or a positional argument.
///
/// It knows the property of `Options` that it fills, so what a command gets is typed.
package struct Parameter<Options> {
  /// How it is written.
  package enum Form: Sendable {
    /// `--name VALUE` or `--name=VALUE`.
    case option
    /// `--name VALUE`, or `--name` alone for a value of its own.
    case openOption
    /// `--name`.
    case flag
    /// The value alone, by its place.
    case positional
    /// Values by their place, one or more: all words that are no options and that no other parameter takes.
    case positionals
    /// All words from the first that is no option on, whatever they look like; comes last.
    case rest
  }

  let name: String
  let form: Form
  let placeholder: String
  let help: String
  let isRequired: Bool
  /// Whether the help names it without a word about it, unless all of the help is asked for.
  package private(set) var isSeldom = false
  /// What it may be in a file of options.
  let fields: Set<FieldForm>
  /// What stands for the value when there is none.
  var loneValue = ""
  /// The values as they are written, if they are few.
  var choices: [String] = []
  /// Whether its value is the path of a file or folder.
  var isPath = false
  /// The value of the property as it is typed; nil if it has none.
  let text: (Options) -> String?
  /// Parses a value and puts it into its property; errors begin with the name that is passed in.
  let apply: (inout Options, String, String) throws -> Void

  /// The same, which few people need.
  package var seldom: Parameter {
    var parameter = self
    parameter.isSeldom = true
    return parameter
  }

  /// The name as it is typed.
  var displayName: String { isNamed ? Self.written(name) : name.uppercased() }

  /// Whether it is given by its name, not by its place.
  var isNamed: Bool { [.option, .openOption, .flag].contains(form) }

  /// A name as it is typed: names of one letter have one dash.
  private static func written(_ name: String) -> String {
    name.count == 1 ? "-\(name)" : "--\(name)"
  }
}

extension Parameter {
  /// A parameter whose value a parser reads.
  private static func parsed<Value>(
    _ name: String, _ form: Form, _ parser: ValueParser<Value>, _ help: String,
    isRequired: Bool = false, alone: String = "", text: @escaping (Options) -> String?,
    put: @escaping (inout Options, Value) -> Void
  ) -> Parameter {
    let placeholder =
      switch form {
      case .openOption: "[\(parser.placeholder)]"
      case .positional, .positionals: name.uppercased()
      default: parser.placeholder
      }
    return Parameter(
      name: name, form: form, placeholder: placeholder, help: help, isRequired: isRequired,
      fields: parser.fields, loneValue: alone, choices: parser.choices, isPath: parser.isPath,
      text: text, apply: { put(&$0, try parser.value(of: $1, for: $2)) })
  }

  /// An option whose property has a default.
  package static func option<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value>, _ parser: ValueParser<Value>,
    _ help: String
  ) -> Parameter {
    parsed(
      name, .option, parser, help, text: { parser.text($0[keyPath: property]) },
      put: { $0[keyPath: property] = $1 })
  }

  /// An option whose property is nil when it is not given.
  package static func option<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value?>, _ parser: ValueParser<Value>,
    _ help: String, isRequired: Bool = false
  ) -> Parameter {
    parsed(
      name, .option, parser, help, isRequired: isRequired,
      text: { $0[keyPath: property].flatMap { parser.text($0) } },
      put: { $0[keyPath: property] = $1 })
  }

  /// An option that may stand without a value, for `alone`.
  package static func option<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value?>, _ parser: ValueParser<Value>,
    alone: String, _ help: String
  ) -> Parameter {
    parsed(
      name, .openOption, parser, help, alone: alone,
      text: { $0[keyPath: property].flatMap { parser.text($0) } },
      put: { $0[keyPath: property] = $1 })
  }

  /// A flag, which makes its property true.
  package static func flag(
    _ name: String, _ property: WritableKeyPath<Options, Bool>, _ help: String
  ) -> Parameter {
    Parameter(
      name: name, form: .flag, placeholder: "", help: help, isRequired: false, fields: [.flag],
      loneValue: "true", text: { "\($0[keyPath: property])" },
      apply: { options, text, _ in options[keyPath: property] = text == "true" })
  }

  /// A positional argument; those that are not required come last.
  package static func positional<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value>, _ parser: ValueParser<Value>,
    _ help: String, isRequired: Bool = true
  ) -> Parameter {
    parsed(
      name, .positional, parser, help, isRequired: isRequired,
      text: { parser.text($0[keyPath: property]) }, put: { $0[keyPath: property] = $1 })
  }

  /// A positional argument whose property is nil when it is not given.
  package static func positional<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value?>, _ parser: ValueParser<Value>,
    _ help: String
  ) -> Parameter {
    parsed(
      name, .positional, parser, help,
      text: { $0[keyPath: property].flatMap { parser.text($0) } },
      put: { $0[keyPath: property] = $1 })
  }

  /// Positional arguments, any number of them.
  ///
  /// What applies them gets all at once: one as it is, several as a list of JSON.
  package static func positionals<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value>, _ parser: ValueParser<Value>,
    _ help: String
  ) -> Parameter {
    parsed(
      name, .positionals, parser, help, text: { parser.text($0[keyPath: property]) },
      put: { $0[keyPath: property] = $1 })
  }

  /// A command line within the command line: every word, the first that is no option and all after it.
  package static func rest(
    _ name: String, _ property: WritableKeyPath<Options, [String]>, _ help: String
  ) -> Parameter {
    Parameter(
      name: name, form: .rest, placeholder: name.uppercased(), help: help, isRequired: true,
      fields: [], text: { _ in nil },
      apply: { options, word, _ in options[keyPath: property].append(word) })
  }
}
