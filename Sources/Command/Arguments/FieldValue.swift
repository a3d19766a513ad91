import DeepEPEvents
import FoundationEssentials

/// What a field of JSON may be.
package enum FieldForm: Hashable, Sendable, CaseIterable {
  case flag, number, text, object, list, null

  /// For people: "a number or a text".
  static func words(_ forms: Set<FieldForm>) -> String {
    allCases.filter(forms.contains).map(\.word).joined(separator: " or ")
  }

  private var word: String {
    switch self {
    case .flag: "true or false"
    case .number: "a number"
    case .text: "a text"
    case .object: "an object"
    case .list: "a list"
    case .null: "null"
    }
  }
}

/// The value of a field of JSON.
enum FieldValue: Decodable, Hashable, CustomStringConvertible {
  case flag(Bool)
  /// As it would be typed.
  case number(String)
  case text(String)
  case object([String: FieldValue])
  case list([FieldValue])
  case null

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let flag = try? value.decode(Bool.self) {
      self = .flag(flag)
    } else if let number = try? value.decode(Int64.self) {
      self = .number("\(number)")
    } else if let number = try? value.decode(UInt64.self) {
      self = .number("\(number)")
    } else if let number = try? value.decode(Double.self) {
      self = .number("\(number)")
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let list = try? value.decode([FieldValue].self) {
      self = .list(list)
    } else {
      self = .object(try value.decode([String: FieldValue].self))
    }
  }

  var form: FieldForm {
    switch self {
    case .flag: .flag
    case .number: .number
    case .text: .text
    case .object: .object
    case .list: .list
    case .null: .null
    }
  }

  /// The value as it would be typed on a command line.
  var text: String {
    switch self {
    case .text(let text): text
    default: json
    }
  }

  private var json: String {
    switch self {
    case .flag(let flag): return "\(flag)"
    case .number(let number): return number
    case .text(let text): return JSONText.quoted(text)
    case .list(let list): return "[\(list.map(\.json).joined(separator: ", "))]"
    case .null: return "null"
    case .object(let fields):
      let sorted = fields.sorted { $0.key < $1.key }
      let texts = sorted.map { "\(JSONText.quoted($0.key)): \($0.value.json)" }
      return "{\(texts.joined(separator: ", "))}"
    }
  }

  /// For people: `the text "ten"`.
  var description: String {
    switch self {
    case .flag, .null: json
    case .number: "the number \(json)"
    case .text: "the text \(json)"
    case .object: "an object"
    case .list: "a list"
    }
  }
}
