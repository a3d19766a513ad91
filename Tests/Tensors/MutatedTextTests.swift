import DeepEPLaws
import DeepEPTensors
import Testing

/// Text from outside is untrusted: whatever it says, reading it succeeds or throws.
@Suite struct MutatedTextTests {
  private static let pieces = [
    "%", "-1", "99999999999", "9223372036854775807", "-9223372036854775808", "[", "]", "{", "}",
    "(", ")", ",", ":", ";", "\"", "\\", "<=", "after(%0)", "%2.1", "inf", "1e999", "0", " ", "\n",
    "float64", "uint64", "bool", "null", "[[]]", "entry evaluate", "\u{e9}",
  ]

  private func mutated(_ bytes: [UInt8], _ random: inout RandomSource) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<1 + random.below(3) {
      let place = random.below(bytes.count)
      let end = min(bytes.count, place + random.below(12))
      switch random.below(6) {
      case 0: bytes[place] = UInt8(random.below(256))
      case 1: bytes.removeSubrange(place..<end)
      case 2: bytes.insert(contentsOf: random.pick(Self.pieces).utf8, at: place)
      case 3: bytes.replaceSubrange(place..<end, with: random.pick(Self.pieces).utf8)
      case 4: replaceNumber(&bytes, near: place, &random)
      default: bytes.insert(contentsOf: bytes[place..<end], at: random.below(bytes.count))
      }
    }
    return bytes
  }

  private func replaceNumber(_ bytes: inout [UInt8], near place: Int, _ random: inout RandomSource)
  {
    let isDigit = { (byte: UInt8) in (48...57).contains(byte) }
    guard let start = bytes[place...].firstIndex(where: isDigit) else { return }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
    let number = random.pick(["0", "-1", "1", "7", "4294967296", "9223372036854775807"])
    bytes.replaceSubrange(start..<end, with: number.utf8)
  }

  /// Lines are mutated one at a time, so that most of the program is still read.
  @Test(arguments: 0..<8) func readingNeverTraps(_ block: Int) {
    let text = Array(EveryOperation.program.description.utf8)
    var accepted = 0
    for seed in 0..<500 {
      var random = RandomSource(seed: UInt64(block * 500 + seed))
      let bytes = mutated(text, &random)
      if (try? Program(text: String(decoding: bytes, as: UTF8.self))) != nil { accepted += 1 }
    }
    #expect(accepted < 500)
  }
}
