import DeepEPEvents
import FoundationEssentials

/// A file with the options of a command: an object of JSON with a field for each of its parameters.
struct OptionFile {
  private let path: String
  private let fields: [String: FieldValue]

  /// Reads a file.
  ///
  /// - Throws: ``UsageError`` if there is no such object in it.
  init(_ path: String) throws {
    self.path = path
    guard let data = try? Data(contentsOf: URL(filePath: path)) else {
      throw UsageError("the file cannot be read (\(path))", fix: "name a file of JSON")
    }
    do {
      fields = try JSONDecoder().decode([String: FieldValue].self, from: data)
    } catch {
      throw UsageError(
        "no object of JSON with the options of a command: \(Self.reason(error)) (\(path))",
        fix: "write it as {\"steps\": 100}; --print-config writes one")
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.dataCorrupted(let context): context.debugDescription
    case DecodingError.typeMismatch(_, let context): context.debugDescription
    default: "\(error)"
    }
  }

  /// Puts the fields into their properties; null leaves one as it is.
  ///
  /// - Returns: the names of those that are given.
  /// - Throws: ``UsageError`` for a field that is unknown, or whose value does not fit.
  func apply<Options>(
    to options: inout Options, _ parameters: [Parameter<Options>]
  ) throws -> Set<String> {
    var given: Set<String> = []
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) where value != .null {
      guard let parameter = parameters.first(where: { $0.name == name }) else {
        throw unknown(name, parameters.map(\.name))
      }
      try apply(value, to: &options, parameter)
      given.insert(name)
    }
    return given
  }

  private func apply<Options>(
    _ value: FieldValue, to options: inout Options, _ parameter: Parameter<Options>
  ) throws {
    let place = "\(path), field '\(parameter.name)'"
    guard parameter.fields.contains(value.form) else {
      throw UsageError(
        "\(place): expected \(FieldForm.words(parameter.fields)), got \(value)",
        fix: "write it as \(parameter.example)")
    }
    try parameter.apply(&options, value.text, place)
  }

  private func unknown(_ name: String, _ names: [String]) -> UsageError {
    let nearest = NearestName.of(name, among: names)
    return UsageError(
      "\(path): unknown field '\(name)'",
      fix: nearest.map { "did you mean '\($0)'?" } ?? "--print-config writes all that there are")
  }

  /// The text of a file with the value of every parameter.
  static func text<Options>(of options: Options, _ parameters: [Parameter<Options>]) -> String {
    let lines = parameters.filter { !$0.fields.isEmpty }.map { parameter in
      let text = parameter.text(options).map(parameter.json) ?? "null"
      return "  \(JSONText.quoted(parameter.name)): \(text)"
    }
    return "{\n\(lines.joined(separator: ",\n"))\n}\n"
  }
}

extension Parameter {
  /// A value as JSON, from its text.
  fileprivate func json(_ text: String) -> String {
    let isPlain =
      fields.contains(.flag) || fields.contains(.number) && Double(text)?.isFinite == true
      || fields.contains(.list) && ListText.words(text) != nil
    return isPlain ? text : JSONText.quoted(text)
  }

  /// A field as it would be right.
  fileprivate var example: String {
    let value = fields.contains(.flag) ? "true" : fields.contains(.number) ? "1" : "\"...\""
    return "\"\(name)\": \(value)"
  }
}
