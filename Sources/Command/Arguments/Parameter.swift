/// One thing that a command takes: an option, a flag or a positional argument.
///
/// It knows the property of `Options` that it fills, so what a command gets is typed.
package struct Parameter<Options> {
  /// How it is written.
  package enum Form: Sendable {
    /// `--name VALUE` or `--name=VALUE`.
    case option
    /// `--name`.
    case flag
    /// The value alone, by its place.
    case positional
    /// All words from the first that is no option on, whatever they look like; comes last.
    case rest
  }

  let name: String
  let form: Form
  let placeholder: String
  let help: String
  let isRequired: Bool
  /// What the property is before anything was given, for the help.
  let defaultText: (Options) -> String?
  /// Parses a value and puts it into its property.
  let apply: (inout Options, String) throws -> Void

  /// The name as it is typed.
  var displayName: String { isNamed ? Self.written(name) : name.uppercased() }

  /// Whether it is given by its name, not by its place.
  var isNamed: Bool { form == .option || form == .flag }

  /// A name as it is typed: names of one letter have one dash.
  private static func written(_ name: String) -> String {
    name.count == 1 ? "-\(name)" : "--\(name)"
  }
}

extension Parameter {
  /// An option whose property has a default.
  package static func option<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value>, _ parser: ValueParser<Value>,
    _ help: String
  ) -> Parameter {
    Parameter(
      name: name, form: .option, placeholder: parser.placeholder, help: help, isRequired: false,
      defaultText: { "\($0[keyPath: property])" },
      apply: { $0[keyPath: property] = try parser.value(of: $1, for: written(name)) })
  }

  /// An option whose property is nil when it is not given.
  package static func option<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value?>, _ parser: ValueParser<Value>,
    _ help: String, isRequired: Bool = false
  ) -> Parameter {
    Parameter(
      name: name, form: .option, placeholder: parser.placeholder, help: help,
      isRequired: isRequired, defaultText: { _ in nil },
      apply: { $0[keyPath: property] = try parser.value(of: $1, for: written(name)) })
  }

  /// A flag, which makes its property true.
  package static func flag(
    _ name: String, _ property: WritableKeyPath<Options, Bool>, _ help: String
  ) -> Parameter {
    Parameter(
      name: name, form: .flag, placeholder: "", help: help, isRequired: false,
      defaultText: { _ in nil }, apply: { options, _ in options[keyPath: property] = true })
  }

  /// A positional argument; those that are not required come last.
  package static func positional<Value>(
    _ name: String, _ property: WritableKeyPath<Options, Value>, _ parser: ValueParser<Value>,
    _ help: String, isRequired: Bool = true
  ) -> Parameter {
    Parameter(
      name: name, form: .positional, placeholder: name.uppercased(), help: help,
      isRequired: isRequired,
      defaultText: { isRequired ? nil : "\($0[keyPath: property])" },
      apply: { $0[keyPath: property] = try parser.value(of: $1, for: name.uppercased()) })
  }

  /// A command line within the command line: every word, the first that is no option and all after it.
  package static func rest(
    _ name: String, _ property: WritableKeyPath<Options, [String]>, _ help: String
  ) -> Parameter {
    Parameter(
      name: name, form: .rest, placeholder: name.uppercased(), help: help, isRequired: true,
      defaultText: { _ in nil }, apply: { $0[keyPath: property].append($1) })
  }
}
