/// What a command line says, from which the options follow once it is known what stands below it.
///
/// Options come from the defaults, then from files, then from the command line: what is later wins.
package struct GivenArguments<Options> {
  private let command: String
  private let parameters: [Parameter<Options>]
  private let defaults: Options
  private var words: [(parameter: Parameter<Options>, text: String)] = []
  /// The file that `--config` names.
  var configurationPath: String?
  /// Whether the options are to be printed, instead of being used.
  package var printsConfiguration = false

  init(command: String, parameters: [Parameter<Options>], defaults: Options) {
    (self.command, self.parameters, self.defaults) = (command, parameters, defaults)
  }

  mutating func add(_ parameter: Parameter<Options>, _ text: String) {
    guard parameter.form == .positionals else { return words.append((parameter, text)) }
    guard let place = words.firstIndex(where: { $0.parameter.name == parameter.name }) else {
      return words.append((parameter, ListText.text(of: [text])))
    }
    words[place].text = ListText.text(of: ListText.all(words[place].text) + [text])
  }

  /// Whether a parameter stands on the command line.
  package func has(_ name: String) -> Bool { words.contains { $0.parameter.name == name } }

  /// The options.
  ///
  /// - Parameter base: a file that stands below that of `--config`.
  /// - Throws: ``UsageError`` for a value that is none, or a parameter that is missing.
  package func options(over base: String? = nil) throws -> Options {
    var options = defaults
    var names = Set(words.map(\.parameter.name))
    for path in [base, configurationPath].compactMap({ $0 }) {
      names.formUnion(try OptionFile(path).apply(to: &options, parameters))
    }
    for (parameter, text) in words { try parameter.apply(&options, text, parameter.displayName) }
    for parameter in parameters where parameter.isRequired && !names.contains(parameter.name) {
      throw missing(parameter.name)
    }
    return options
  }

  /// The error that a parameter is missing.
  package func missing(_ name: String) -> UsageError {
    let parameter = parameters.first { $0.name == name }
    return UsageError(
      "\(parameter?.displayName ?? name) is missing: \(parameter?.help ?? "")",
      fix: "see deepep \(command) --help")
  }

  /// Options as a file for `--config`.
  ///
  /// - Parameter omitted: the names of parameters that are left out.
  package func text(of options: Options, without omitted: Set<String> = []) -> String {
    OptionFile.text(of: options, parameters.filter { !omitted.contains($0.name) })
  }
}
