import DeepEPEvents
import FoundationEssentials

/// A list of words as one text: a single word as it is, several as a list of JSON.
enum ListText {
  static func text(of words: [String]) -> String {
    if let word = words.first, words.count == 1, self.words(word) == nil { return word }
    return "[\(words.map(JSONText.quoted).joined(separator: ", "))]"
  }

  /// The words that a text is made of.
  static func all(_ text: String) -> [String] { words(text) ?? [text] }

  /// The words of a list of JSON; nil for any other text.
  static func words(_ text: String) -> [String]? {
    guard text.hasPrefix("[") else { return nil }
    return try? JSONDecoder().decode([String].self, from: Data(text.utf8))
  }
}

extension ValueParser where Value == [String] {
  /// One path or more.
  static var paths: Self {
    Self(
      expecting: "a path, or a list of them", placeholder: "PATH", fields: [.text, .list],
      text: { $0.isEmpty ? nil : ListText.text(of: $0) }
    ) { text in
      let paths = ListText.all(text)
      return paths.isEmpty || paths.contains("") ? nil : paths
    }
  }
}

extension ValueParser where Value == [Double] {
  /// Positive numbers with commas between them.
  static var weights: Self {
    Self(
      expecting: "positive numbers such as 3,1", placeholder: "X,X", fields: [.text, .number],
      text: { $0.map { "\($0)" }.joined(separator: ",") }
    ) { text in
      let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map {
        Double($0.drop { $0 == " " })
      }
      guard numbers.allSatisfy({ $0.map { $0 > 0 && $0.isFinite } ?? false }) else { return nil }
      return numbers.compactMap { $0 }
    }
  }
}
