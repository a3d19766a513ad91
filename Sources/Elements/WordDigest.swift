/// Tells lists of numbers apart, alike in every process: FNV-1a (Fowler, Noll, Vo), 64 bits, a number at a time.
package enum WordDigest {
  /// The digest of some numbers; negative ones count as 0.
  ///
  /// Inlined since it walks whole files.
  @inlinable
  package static func of<Numbers: Sequence>(_ numbers: Numbers) -> UInt64
  where Numbers.Element: BinaryInteger {
    numbers.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64(clamping: $1)) &* 0x100_0000_01b3 }
  }
}
