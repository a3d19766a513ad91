/// Why bytes from outside are not a message.
package struct FrameError: Error, Hashable, CustomStringConvertible, Sendable {
  package var what: String
  package var description: String { what }
}

/// Writes the fields of a message: integers little-endian, texts and bytes with their count before them.
struct FrameWriter {
  private(set) var bytes: [UInt8] = []

  mutating func put<Integer: FixedWidthInteger>(_ value: Integer) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func put(_ list: [UInt8]) {
    put(UInt32(clamping: list.count))
    bytes.append(contentsOf: list)
  }

  /// Writes a text, cut to a number of bytes that its reader accepts.
  mutating func put(_ text: String, limit: Int = FrameReader.textLimit) {
    put(Array(text.utf8.prefix(limit)))
  }

  mutating func put<Element>(_ list: [Element], _ body: (inout FrameWriter, Element) -> Void) {
    put(UInt32(clamping: list.count))
    for element in list { body(&self, element) }
  }
}

/// Reads the fields of a message that may be anything: each count is compared with what is there.
struct FrameReader {
  /// The longest text of a field.
  static var textLimit: Int { 4096 }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  mutating func integer<Integer: FixedWidthInteger>(_: Integer.Type = Integer.self) throws
    -> Integer
  {
    let width = MemoryLayout<Integer>.size
    guard rest.count >= width else { throw FrameError(what: "the message ends too early") }
    var value = Integer.zero
    for byte in rest.prefix(width).reversed() {
      value = value << 8 | Integer(truncatingIfNeeded: byte)
    }
    rest = rest.dropFirst(width)
    return value
  }

  /// A count or number that is at most `limit`.
  mutating func number(upTo limit: Int) throws -> Int {
    let value = Int(try integer(UInt32.self))
    guard value <= limit else { throw FrameError(what: "\(value) is above the limit of \(limit)") }
    return value
  }

  mutating func bytes(limit: Int) throws -> [UInt8] {
    let count = try number(upTo: limit)
    guard rest.count >= count else { throw FrameError(what: "the message ends too early") }
    defer { rest = rest.dropFirst(count) }
    return Array(rest.prefix(count))
  }

  mutating func text(limit: Int = textLimit) throws -> String {
    String(decoding: try bytes(limit: limit), as: UTF8.self)
  }

  /// A list whose elements take at least `width` bytes each.
  mutating func list<Element>(
    limit: Int, width: Int, _ body: (inout FrameReader) throws -> Element
  ) throws -> [Element] {
    let count = try number(upTo: limit)
    guard count * width <= rest.count else { throw FrameError(what: "the message ends too early") }
    return try (0..<count).map { _ in try body(&self) }
  }

  /// Throws if there is more.
  func finish() throws {
    guard rest.isEmpty else { throw FrameError(what: "\(rest.count) bytes too many") }
  }
}

/// Cuts a stream of bytes into messages, each with its count of bytes before it.
package struct FrameBuffer {
  /// The most bytes of a message.
  package var limit: Int
  private var bytes: [UInt8] = []
  private var start = 0

  package init(limit: Int) { self.limit = limit }

  /// Adds what has come.
  ///
  /// The caller reads no more at once than it wants to keep.
  package mutating func append(_ more: UnsafeRawBufferPointer) {
    if start > 0 {
      bytes.removeFirst(start)
      start = 0
    }
    bytes.append(contentsOf: more)
  }

  /// What was added and not taken.
  package var rest: [UInt8] { Array(bytes[start...]) }

  /// The next whole message; nil if it has not come yet.
  package mutating func next() throws -> ArraySlice<UInt8>? {
    var reader = FrameReader(bytes[start...])
    guard bytes.count - start >= 4 else { return nil }
    let count = Int(try reader.integer(UInt32.self))
    guard count <= limit else {
      throw FrameError(what: "a message of \(count) bytes, \(limit) are allowed")
    }
    guard bytes.count - start >= 4 + count else { return nil }
    defer { start += 4 + count }
    return bytes[start + 4..<start + 4 + count]
  }

  /// A message with its count before it.
  static func framed(_ message: [UInt8]) -> [UInt8] {
    var writer = FrameWriter()
    writer.put(message)
    return writer.bytes
  }
}
