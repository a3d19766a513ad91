import DeepEPTensors

/// Patterns of names of parameters, as they are typed: with commas between them.
struct PatternList: Hashable, CustomStringConvertible {
  let all: [ParameterPattern]

  var description: String { all.map(\.text).joined(separator: ",") }
}

extension ValueParser where Value == PatternList {
  /// Names of modules or parameters, in which `*` is any text.
  static var patterns: Self {
    Self(
      expecting: "names of modules or parameters, such as transformer.wte,*.ln_1",
      placeholder: "NAMES"
    ) { text in
      let words = text.split(separator: ",", omittingEmptySubsequences: false)
      return words.contains("") ? nil : PatternList(all: words.map { ParameterPattern(String($0)) })
    }
  }
}

extension ValueParser where Value == Double {
  /// A number from zero to below one.
  static var shareBelowOne: Self {
    Self(expecting: "a number from 0 to below 1", placeholder: "X", fields: [.number]) { text in
      Double(text).flatMap { (0..<1).contains($0) ? $0 : nil }
    }
  }
}
