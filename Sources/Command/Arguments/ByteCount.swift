/// A number of bytes as people write it.
struct ByteCount: Hashable, CustomStringConvertible {
  let bytes: Int
  /// As it is typed.
  let description: String

  /// Reads `8GiB`, `8G`, `500MB` or `1000000`; nil for anything else.
  ///
  /// K, M, G and T without `B` are powers of 1024.
  init?(_ text: String) {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
    guard let number = Double(digits), let factor = Self.factors[unit] else { return nil }
    let bytes = number * factor
    guard bytes >= 1, bytes < 0x1p62 else { return nil }
    (self.bytes, description) = (Int(bytes), text)
  }

  private static let factors: [String: Double] = {
    var factors = ["": 1.0, "b": 1]
    for (power, letter) in ["k", "m", "g", "t", "p"].enumerated() {
      let (binary, decimal) = (
        (0...power).reduce(1.0) { a, _ in a * 1024 }, (0...power).reduce(1.0) { a, _ in a * 1000 }
      )
      factors[letter] = binary
      factors["\(letter)ib"] = binary
      factors["\(letter)b"] = decimal
    }
    return factors
  }()
}

extension ValueParser where Value == ByteCount {
  /// A number of bytes.
  static var byteCount: Self {
    Self(
      expecting: "a size such as 8GiB or 500MB", placeholder: "SIZE", fields: [.number, .text]
    ) { ByteCount($0) }
  }
}
