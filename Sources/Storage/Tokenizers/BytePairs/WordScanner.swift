/// Cuts text into the words that byte pairs are merged within, by GPT-2's pattern:
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
struct WordScanner {
  private enum Kind { case letter, number, space, other }

  private let utf8: [UInt8]
  /// Where the next word begins.
  private(set) var position = 0

  init(_ utf8: [UInt8]) { self.utf8 = utf8 }

  /// The next word; nil at the end.
  mutating func next() -> ArraySlice<UInt8>? {
    guard position < utf8.count else { return nil }
    let start = position
    position = contraction(at: start) ?? run(at: start)
    return utf8[start..<position]
  }

  /// The end of an ending such as `'ll`; nil if there is none.
  private func contraction(at start: Int) -> Int? {
    guard utf8[start] == UInt8(ascii: "'"), start + 1 < utf8.count else { return nil }
    switch utf8[start + 1] {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return byte(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"): return byte(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
    default: return nil
    }
  }

  /// The end of what is of one kind, a space before it included.
  private func run(at start: Int) -> Int {
    let first = character(at: start)
    guard first.kind == .space else { return end(of: first.kind, from: first.end) }
    if utf8[start] == UInt8(ascii: " "), first.end < utf8.count {
      let second = character(at: first.end)
      if second.kind != .space { return end(of: second.kind, from: second.end) }
    }
    let end = end(of: .space, from: first.end)
    // The last space belongs to the word after it, unless it is the only one.
    let last = lastCharacter(before: end)
    return end == utf8.count || last == start ? end : last
  }

  private func end(of kind: Kind, from start: Int) -> Int {
    var end = start
    while end < utf8.count {
      let next = character(at: end)
      guard next.kind == kind else { break }
      end = next.end
    }
    return end
  }

  private func byte(_ index: Int) -> UInt8? { index < utf8.count ? utf8[index] : nil }

  private func lastCharacter(before end: Int) -> Int {
    var start = end - 1
    while start > 0, utf8[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  private func character(at start: Int) -> (kind: Kind, end: Int) {
    let byte = utf8[start]
    guard byte >= 0x80 else { return (WordScanner.kind(ascii: byte), start + 1) }
    let end = min(start + (byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4), utf8.count)
    let scalar = String(decoding: utf8[start..<end], as: UTF8.self).unicodeScalars.first
    return (scalar.map(WordScanner.kind) ?? .other, end)
  }

  private static func kind(ascii byte: UInt8) -> Kind {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): .letter
    case UInt8(ascii: "0")...UInt8(ascii: "9"): .number
    case 9...13, UInt8(ascii: " "): .space
    default: .other
    }
  }

  private static func kind(_ scalar: Unicode.Scalar) -> Kind {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    default: scalar.properties.isWhitespace ? .space : .other
    }
  }
}
