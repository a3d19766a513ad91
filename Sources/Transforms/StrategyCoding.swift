import DeepEPTensors

/// Strategies as JSON: `{"data": 2, "tensor": 2, "sequenceParallel": true, "zero": 1, "secondary": 1, "precision": "bf16",
/// "compress": "int8"}`.
///
/// What is not said is one rank, off, float32, or none, as in the short form.
extension Strategy {
  private enum Key: String, CodingKey, CaseIterable {
    case data, tensor, sequenceParallel, zero, secondary, precision
    case compression = "compress"
  }

  /// Any key, so that a word which means nothing is found.
  private struct AnyKey: CodingKey {
    let stringValue: String
    let intValue: Int? = nil

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
  }

  /// Reads a strategy.
  ///
  /// - Throws: `DecodingError` that names what is no part of a strategy or of another type.
  public init(from decoder: any Decoder) throws {
    let known = Set(Key.allCases.map(\.rawValue))
    for key in try decoder.container(keyedBy: AnyKey.self).allKeys
    where !known.contains(key.stringValue) {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "a strategy has no '\(key.stringValue)'; it has "
            + Key.allCases.map(\.rawValue).joined(separator: ", ")))
    }
    let values = try decoder.container(keyedBy: Key.self)
    self.init(
      data: try values.decodeIfPresent(Int.self, forKey: .data) ?? 1,
      tensor: try values.decodeIfPresent(Int.self, forKey: .tensor) ?? 1,
      sequenceParallel: try values.decodeIfPresent(Bool.self, forKey: .sequenceParallel) ?? false,
      zero: try values.decodeIfPresent(Int.self, forKey: .zero) ?? 0,
      secondary: try values.decodeIfPresent(Int.self, forKey: .secondary) ?? 1,
      precision: try values.decodeIfPresent(Precision.self, forKey: .precision) ?? .float32,
      compression: try Self.compression(values))
  }

  private static func compression(
    _ values: KeyedDecodingContainer<Key>
  ) throws -> Compression {
    let text = try values.decodeIfPresent(String.self, forKey: .compression) ?? "none"
    guard let compression = Compression(rawValue: text) else {
      throw DecodingError.dataCorruptedError(
        forKey: .compression, in: values,
        debugDescription: mistake(in: "compress=\(text)") ?? "no compression")
    }
    return compression
  }

  /// Writes a strategy.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(data, forKey: .data)
    try values.encode(tensor, forKey: .tensor)
    try values.encode(sequenceParallel, forKey: .sequenceParallel)
    try values.encode(zero, forKey: .zero)
    try values.encode(secondary, forKey: .secondary)
    try values.encode(precision, forKey: .precision)
    try values.encode(compression, forKey: .compression)
  }
}
