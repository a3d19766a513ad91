/// A digest of 128 bits: two FNV-1a hashes with different starts, of which one mixes its words.
///
/// Not meant against forgery.
struct ContentDigest: Hashable {
  static let byteCount = 16
  private(set) var words: (UInt64, UInt64) = (0xCBF2_9CE4_8422_2325, 0x9E37_79B9_7F4A_7C15)

  init(_ text: String) { append(text) }

  init(_ bytes: UnsafeRawBufferPointer) { append(bytes) }

  /// Goes on with more text.
  mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    for byte in bytes {
      words.0 = (words.0 ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
      words.1 = (words.1 ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
      words.1 ^= words.1 >> 29
    }
  }

  var hexadecimal: String {
    IRLiteral.hexadecimal(words.0) + IRLiteral.hexadecimal(words.1)
  }

  static func == (left: Self, right: Self) -> Bool { left.words == right.words }

  func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
