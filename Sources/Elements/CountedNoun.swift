extension Int {
  /// The number with a regular noun, for people: `1 rank`, `2 ranks`.
  package func counted(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}
