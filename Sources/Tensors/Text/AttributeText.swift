import FoundationEssentials

/// Turns the attributes of operations and slots into JSON and back.
struct AttributeText {
  private let encoder = JSONEncoder()
  private let decoder = JSONDecoder()

  init() {
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  }

  /// The attributes of an operation; empty if it has none beyond its name.
  func text(of operation: any Operation) -> String {
    if operation is Unary || operation is Binary || operation is Compare { return "" }
    let text = self.text(operation)
    return text == "{}" ? "" : text
  }

  /// The JSON of a value.
  func text(_ value: some Encodable) -> String {
    guard let data = try? encoder.encode(value) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
  }

  /// The operation of a name with attributes.
  func operation(_ name: String, _ text: String?, _ table: OperationTable) throws -> any Operation {
    guard let decode = table.rows[name] else {
      throw TextError(line: 0, problem: "'\(name)' is no operation")
    }
    return try decode(Data((text ?? "{}").utf8), decoder)
  }

  /// The value of JSON.
  func value<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    try decoder.decode(type, from: Data(text.utf8))
  }
}
