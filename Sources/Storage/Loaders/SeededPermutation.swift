/// A permutation of 0 ..< count that is drawn by a key and computed one element at a time.
///
/// A Feistel network of four rounds over the next even number of bits, applied again until the
/// result is in range (cycle walking; Black and Rogaway, "Ciphers with arbitrary finite domains",
/// 2002). It takes no memory, and element `i` does not depend on having asked for the others.
struct SeededPermutation {
  let count: Int
  private let halfBits: UInt64
  private let roundKeys: [UInt64]

  init(count: Int, key: UInt64) {
    self.count = count
    let bits = UInt64.bitWidth - UInt64(max(1, count - 1)).leadingZeroBitCount
    halfBits = UInt64((bits + 1) / 2)
    roundKeys = (0..<4).map { Mixer.mix(key &+ UInt64($0) &* Mixer.increment) }
  }

  /// The element at `index`, which must be in 0 ..< count.
  subscript(index: Int) -> Int {
    var value = UInt64(index)
    repeat { value = encrypted(value) } while value >= UInt64(count)
    return Int(value)
  }

  private func encrypted(_ value: UInt64) -> UInt64 {
    let mask = (1 << halfBits) - 1 as UInt64
    var (left, right) = (value >> halfBits, value & mask)
    for key in roundKeys { (left, right) = (right, left ^ (Mixer.mix(right ^ key) & mask)) }
    return left << halfBits | right
  }
}

/// A function that spreads every bit of a number over all bits.
enum Mixer {
  static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
  static func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ increment
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
