/// Puts the number of its rank before each line of a stream, and passes on whole lines only: lines of
/// several ranks do not mix.
package struct LineTagger {
  /// A line that is longer is cut, so that a rank which writes none cannot fill the memory.
  package static var lineLimit: Int { 64 << 10 }

  private let tag: [UInt8]
  private var line: [UInt8] = []

  package init(rank: Int) { tag = Array("[\(rank)] ".utf8) }

  /// The lines that are complete with some more bytes.
  package mutating func add(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for part in bytes.split(separator: 10, omittingEmptySubsequences: false).dropLast() {
      line += part
      result += tag + line + [10]
      line = []
    }
    line += bytes.reversed().prefix { $0 != 10 }.reversed()
    if line.count > Self.lineLimit { result += finish() }
    return result
  }

  /// The last line, if it has no end.
  package mutating func finish() -> [UInt8] {
    defer { line = [] }
    return line.isEmpty ? [] : tag + line + [10]
  }
}
