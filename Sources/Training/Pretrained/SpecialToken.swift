/// The number of a token with a meaning of its own, which may be missing: then a configuration says so, since
/// `transformers` would take the number of another vocabulary for what is not mentioned.
struct SpecialToken: Codable {
  let number: Int32?

  init(_ number: Int32?) { self.number = number }

  /// Reads one; lists of several, and anything else, are not asked for.
  init(from decoder: any Decoder) throws {
    number = try? decoder.singleValueContainer().decode(Int32.self)
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let number { try container.encode(number) } else { try container.encodeNil() }
  }
}
