/// How long a run may take.
struct TimeLimit: Hashable, CustomStringConvertible {
  let seconds: Double
  /// As it is typed.
  let description: String

  /// Reads seconds, or numbers with units such as `90s`, `10m`, `1h30m`; nil for anything else.
  init?(_ text: String) {
    description = text
    if let seconds = Double(text) {
      self.seconds = seconds
    } else {
      guard let seconds = Self.seconds(text) else { return nil }
      self.seconds = seconds
    }
    guard seconds > 0, seconds.isFinite else { return nil }
  }

  private static func seconds(_ text: String) -> Double? {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
    var (total, number) = (0.0, "")
    for character in text {
      if let unit = units[character] {
        guard let count = Double(number) else { return nil }
        (total, number) = (total + count * unit, "")
      } else {
        number.append(character)
      }
    }
    return number.isEmpty ? total : nil
  }
}

extension ValueParser where Value == TimeLimit {
  /// A time.
  static var timeLimit: Self {
    Self(
      expecting: "a time such as 90, 10m or 1h30m", placeholder: "TIME", fields: [.number, .text]
    ) { TimeLimit($0) }
  }
}
