/// Tells lists of numbers apart: FNV-1a, 64 bits, a number at a time.
enum WordDigest {
  /// The digest of some numbers; negative ones count as 0.
  static func of<Numbers: Sequence>(_ numbers: Numbers) -> UInt64
  where Numbers.Element: BinaryInteger {
    numbers.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64(clamping: $1)) &* 0x100_0000_01b3 }
  }
}
