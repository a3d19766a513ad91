/// The printable characters that stand for bytes in the files of byte-level tokenizers, as GPT-2's code chose them.
///
/// Bytes that are printable in Latin-1 stand for themselves; the others follow from U+0100 on. Tokens of one byte are
/// numbered by these characters.
struct ByteAlphabet: Sendable {
  /// The character of each byte.
  let scalars: [Unicode.Scalar]
  /// The byte of each token from 0 to 255.
  let bytes: [UInt8]
  /// The token of each byte.
  let tokens: [Int32]
  private let byteOfScalar: [Unicode.Scalar: UInt8]

  init() {
    let isPrintable = { (byte: UInt8) in
      (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
    }
    let printable = (UInt8.min...UInt8.max).filter(isPrintable)
    let others = (UInt8.min...UInt8.max).filter { !isPrintable($0) }
    bytes = printable + others
    var scalars = (UInt8.min...UInt8.max).map { Unicode.Scalar($0) }
    for (index, byte) in others.enumerated() {
      scalars[Int(byte)] = Unicode.Scalar(UInt16(256 + index)) ?? " "
    }
    var tokens = [Int32](repeating: 0, count: 256)
    for (token, byte) in bytes.enumerated() { tokens[Int(byte)] = Int32(token) }
    (self.scalars, self.tokens) = (scalars, tokens)
    byteOfScalar = Dictionary(uniqueKeysWithValues: zip(scalars, UInt8.min...UInt8.max))
  }

  /// Bytes as they are written in files.
  func text(of bytes: [UInt8]) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: bytes.lazy.map { scalars[Int($0)] })
    return String(text)
  }

  /// The bytes of what is written in files; nil if a character stands for no byte.
  func bytes(of text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    for scalar in text.unicodeScalars {
      guard let byte = byteOfScalar[scalar] else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}
