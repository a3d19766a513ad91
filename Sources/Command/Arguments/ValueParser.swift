import DeepEPCompute
import DeepEPTransforms
import FoundationEssentials

/// How the text of an argument becomes a value.
package struct ValueParser<Value: Sendable>: Sendable {
  /// What is expected, for the error: "a positive whole number".
  package let expectation: String
  /// What stands for the value in the help: "N".
  package let placeholder: String
  /// The value of a text; nil if it is not one.
  package let parse: @Sendable (String) -> Value?
  /// The values as they are written, if they are few: the error names the nearest.
  package let choices: [String]
  /// What is wrong with a text that is no value, if something better can be said than what is expected.
  package let mistake: @Sendable (String) -> String?
  /// What a value may be in a file of options.
  package let fields: Set<FieldForm>
  /// A value as it is typed; nil for one that stands for "not given".
  package let text: @Sendable (Value) -> String?

  /// Makes a parser.
  package init(
    expecting expectation: String, placeholder: String, choices: [String] = [],
    fields: Set<FieldForm> = [.text],
    mistake: @escaping @Sendable (String) -> String? = { _ in nil },
    text: @escaping @Sendable (Value) -> String? = { "\($0)" },
    parse: @escaping @Sendable (String) -> Value?
  ) {
    self.expectation = expectation
    self.placeholder = placeholder
    self.choices = choices
    self.fields = fields
    self.mistake = mistake
    self.text = text
    self.parse = parse
  }

  /// Whether the value is the path of a file or folder.
  var isPath: Bool { placeholder.contains("PATH") || placeholder.contains("DIR") }

  /// The value of `text`; throws ``UsageError`` that begins with the name of the argument.
  func value(of text: String, for name: String) throws -> Value {
    if let value = parse(text) { return value }
    if let mistake = mistake(text) {
      throw UsageError("\(name): \(mistake)", fix: "give one of them")
    }
    let nearest = NearestName.of(text, among: choices) ?? nearestOfPart(text)
    throw UsageError(
      "\(name): expected \(expectation), got '\(text)'",
      fix: nearest.map { "did you mean \($0)?" } ?? "give \(expectation)")
  }

  /// The choice that the first unknown word of `WORD=VALUE,WORD` is nearest to.
  private func nearestOfPart(_ text: String) -> String? {
    guard text.contains("="), !text.hasPrefix("{") else { return nil }
    let words = text.split(separator: ",").map { String($0.prefix { $0 != "=" }) }
    return words.first { !choices.contains($0) }.flatMap { NearestName.of($0, among: choices) }
  }
}

extension ValueParser where Value == Int {
  /// A whole number above zero.
  package static var positiveInteger: Self {
    Self(expecting: "a positive whole number", placeholder: "N", fields: [.number]) { text in
      Int(text).flatMap { $0 > 0 ? $0 : nil }
    }
  }

  /// A whole number that is zero or above.
  package static var naturalNumber: Self {
    Self(expecting: "a whole number, zero or above", placeholder: "N", fields: [.number]) { text in
      Int(text).flatMap { $0 >= 0 ? $0 : nil }
    }
  }
}

extension ValueParser where Value == UInt64 {
  /// The seed of random numbers.
  package static var seed: Self {
    Self(expecting: "a whole number, zero or above", placeholder: "N", fields: [.number]) {
      UInt64($0)
    }
  }
}

extension ValueParser where Value == Double {
  /// A finite number above zero.
  package static var positiveNumber: Self {
    Self(expecting: "a positive number", placeholder: "X", fields: [.number]) { text in
      Double(text).flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
    }
  }

  /// A finite number that is zero or above.
  package static var nonNegativeNumber: Self {
    Self(expecting: "a number, zero or above", placeholder: "X", fields: [.number]) { text in
      Double(text).flatMap { $0 >= 0 && $0.isFinite ? $0 : nil }
    }
  }
}

extension ValueParser where Value == String {
  /// The path of a file.
  package static var path: Self {
    Self(expecting: "a path", placeholder: "PATH") { $0.isEmpty ? nil : $0 }
  }

  /// The path of a picture.
  package static var picture: Self {
    Self(expecting: "a path that ends in .svg", placeholder: "PATH") {
      $0.hasSuffix(".svg") ? $0 : nil
    }
  }

  /// Any text.
  package static var text: Self {
    Self(expecting: "a text", placeholder: "TEXT") { $0 }
  }
}

extension ValueParser where Value == Strategy {
  /// How a run is spread over ranks: the short form, or JSON.
  package static var strategy: Self {
    Self(
      expecting: "a strategy such as data=2,tensor=2,sequence-parallel,zero=3, or its JSON",
      placeholder: "STRATEGY", choices: Strategy.words, fields: [.text, .object],
      mistake: { $0.hasPrefix("{") ? nil : Strategy.mistake(in: $0) }
    ) { text in
      guard text.hasPrefix("{") else { return Strategy(text) }
      return try? JSONDecoder().decode(Strategy.self, from: Data(text.utf8))
    }
  }
}

extension ValueParser where Value == Precision {
  /// An element type to compute in.
  package static var precision: Self {
    let names = Precision.allCases.map(\.rawValue)
    return Self(
      expecting: "one of \(names.joined(separator: ", "))",
      placeholder: names.joined(separator: "|"), choices: names
    ) { Precision(word: $0) }
  }
}

extension ValueParser where Value == KernelCache {
  /// Where compiled kernels are kept.
  package static var kernelCache: Self { folder(.standard, off: .off) { .folder($0) } }
}

extension ValueParser where Value: Hashable {
  /// A folder to keep something in, or none.
  ///
  /// - Parameter standard: the one that is taken by itself.
  static func folder(
    _ standard: Value, off: Value, _ folder: @escaping @Sendable (String) -> Value
  ) -> Self {
    Self(
      expecting: "a folder, or off", placeholder: "DIR|off",
      text: { $0 == standard ? nil : "\($0)" }
    ) { text in
      text.isEmpty ? nil : text == "off" ? off : folder(text)
    }
  }
}

extension ValueParser where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
  /// One of the cases of an enumeration, by its name.
  package static var choice: Self {
    let names = Value.allCases.map(\.rawValue)
    let list = names.joined(separator: ", ")
    return Self(
      expecting: "one of \(list)", placeholder: names.joined(separator: "|"), choices: names,
      text: { $0.rawValue }
    ) { text in Value.allCases.first { $0.rawValue.lowercased() == text.lowercased() } }
  }
}
