/// A strict reader of the JSON that safetensors headers consist of.
///
/// Every function reads one token at the current position and throws ``StorageError`` with the
/// position in the file when something else is there. Nothing is ever read past the end.
struct HeaderScanner {
  private let bytes: [UInt8]
  private var position = 0
  private let path: String

  /// Reads `bytes`, the header of the file at `path` without its length.
  init(_ bytes: [UInt8], path: String) {
    self.bytes = bytes
    self.path = path
  }

  /// Reads an object, and calls `member` with each key when its value is next.
  mutating func object(_ member: (inout HeaderScanner, String) throws -> Void) throws {
    try expect("{")
    if accept("}") { return }
    repeat {
      let key = try string()
      try expect(":")
      try member(&self, key)
    } while accept(",")
    try expect("}")
  }

  /// Reads an array of whole numbers that are not negative.
  mutating func numbers() throws -> [Int] {
    try expect("[")
    if accept("]") { return [] }
    var numbers: [Int] = []
    repeat { numbers.append(try number()) } while accept(",")
    try expect("]")
    return numbers
  }

  /// Reads a string, undoing its escapes.
  mutating func string() throws -> String {
    try expect("\"")
    var text: [UInt8] = []
    while let byte = take() {
      switch byte {
      case UInt8(ascii: "\""): return try validated(text)
      case UInt8(ascii: "\\"): try appendEscape(to: &text)
      case ..<0x20: throw error("a string contains a control character")
      default: text.append(byte)
      }
    }
    throw error("a string has no end")
  }

  /// Checks that only white space is left.
  mutating func end() throws {
    skipSpace()
    guard position == bytes.count else { throw error("something follows the closing brace") }
  }

  /// An error at the current position.
  func error(_ what: String) -> StorageError {
    StorageError(
      "not a safetensors header: \(what)", at: "\(path), byte \(8 + position)",
      fix: "the file is damaged or of another format: copy or download it again")
  }

  private mutating func number() throws -> Int {
    skipSpace()
    let start = position
    var value = 0
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(bytes[position] - 0x30))
      guard !overflow, !carry else { throw error("a number is larger than 2^63 - 1") }
      value = sum
      position += 1
    }
    let hasLeadingZero = position > start + 1 && bytes[start] == UInt8(ascii: "0")
    guard position > start, !hasLeadingZero else {
      throw error("expected a whole number that is not negative")
    }
    return value
  }

  private mutating func appendEscape(to text: inout [UInt8]) throws {
    guard let byte = take() else { throw error("a string has no end") }
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text += Array(String(Character(try escapedScalar())).utf8)
    default: throw error("a string contains an unknown escape")
    }
  }

  /// Reads what follows `\u`: four hexadecimal digits, or two times four for a surrogate pair.
  private mutating func escapedScalar() throws -> Unicode.Scalar {
    var code = try hexadecimal()
    if (0xD800..<0xDC00).contains(code), take() == UInt8(ascii: "\\"), take() == UInt8(ascii: "u") {
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low) else { throw error("half of a surrogate pair") }
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw error("half of a surrogate pair") }
    return scalar
  }

  private mutating func hexadecimal() throws -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = take(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue,
        byte < 0x80
      else { throw error("a string contains an incomplete \\u escape") }
      code = code << 4 | UInt32(digit)
    }
    return code
  }

  private func validated(_ text: [UInt8]) throws -> String {
    guard let string = String(validating: text, as: UTF8.self) else {
      throw error("a string is not UTF-8")
    }
    return string
  }

  private mutating func expect(_ character: Unicode.Scalar) throws {
    guard accept(character) else { throw error("expected '\(character)'") }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func take() -> UInt8? {
    guard position < bytes.count else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) {
      position += 1
    }
  }
}
