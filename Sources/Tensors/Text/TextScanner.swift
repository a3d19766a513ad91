/// A mistake in the text of a program.
public struct TextError: Error, Hashable, CustomStringConvertible, Sendable {
  /// The line, from one; zero if the text has no lines.
  public var line: Int
  /// What is wrong.
  public var problem: String

  /// A sentence for people.
  public var description: String { line == 0 ? problem : "line \(line): \(problem)" }
}

/// Reads one line of text from left to right, skipping spaces between words.
struct TextScanner {
  private let bytes: [UInt8]
  private var place = 0
  var line: Int

  init(_ text: some StringProtocol, line: Int = 0) {
    bytes = Array(text.utf8)
    self.line = line
  }

  /// Whether nothing but spaces is left.
  var isAtEnd: Bool { bytes[place...].allSatisfy { $0 == UInt8(ascii: " ") } }

  func error(_ problem: String) -> TextError { TextError(line: line, problem: problem) }

  private mutating func skipSpaces() {
    while place < bytes.count, bytes[place] == UInt8(ascii: " ") { place += 1 }
  }

  /// Moves past `text` if it comes next.
  mutating func take(_ text: String) -> Bool {
    skipSpaces()
    guard bytes[place...].starts(with: text.utf8) else { return false }
    place += text.utf8.count
    return true
  }

  mutating func expect(_ text: String) throws {
    guard take(text) else { throw error("expected '\(text)' before '\(rest)'") }
  }

  mutating func end() throws {
    guard isAtEnd else { throw error("unexpected '\(rest)'") }
  }

  /// What has not been read.
  var rest: String { String(decoding: bytes[place...], as: UTF8.self) }

  /// Everything up to the end of the line.
  mutating func remainder() -> String {
    skipSpaces()
    defer { place = bytes.count }
    return rest
  }

  mutating func integer() throws -> Int {
    skipSpaces()
    let start = place
    if place < bytes.count, bytes[place] == UInt8(ascii: "-") { place += 1 }
    while place < bytes.count, (48...57).contains(bytes[place]) { place += 1 }
    guard let number = Int(String(decoding: bytes[start..<place], as: UTF8.self)) else {
      throw error("expected a number before '\(rest)'")
    }
    return number
  }

  /// Everything up to a space or one of `( ) [ ] { } , :`.
  mutating func word() -> String {
    skipSpaces()
    let start = place
    while place < bytes.count, !" ()[]{},:".utf8.contains(bytes[place]) { place += 1 }
    return String(decoding: bytes[start..<place], as: UTF8.self)
  }

  /// Everything up to a space.
  mutating func name() -> String {
    skipSpaces()
    let start = place
    while place < bytes.count, bytes[place] != UInt8(ascii: " ") { place += 1 }
    return String(decoding: bytes[start..<place], as: UTF8.self)
  }

  /// A JSON object, up to its closing brace; nil if none comes next.
  mutating func object() throws -> String? {
    skipSpaces()
    guard place < bytes.count, bytes[place] == UInt8(ascii: "{") else { return nil }
    let start = place
    var (depth, isQuoted) = (0, false)
    while place < bytes.count {
      let byte = bytes[place]
      place += byte == UInt8(ascii: "\\") ? 2 : 1
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      if isQuoted { continue }
      if byte == UInt8(ascii: "{") { depth += 1 }
      if byte == UInt8(ascii: "}") { depth -= 1 }
      if depth == 0 { return String(decoding: bytes[start..<place], as: UTF8.self) }
    }
    place = bytes.count
    throw error("a brace is not closed")
  }
}
