/// Tells lists of numbers apart, alike in every process: FNV-1a (Fowler, Noll, Vo), 64 bits, a number at a time.
package enum WordDigest {
  private static var start: UInt64 { 0xcbf2_9ce4_8422_2325 }

  private static func joined(_ digest: UInt64, _ word: UInt64) -> UInt64 {
    (digest ^ word) &* 0x100_0000_01b3
  }

  /// The digest of some numbers; negative ones count as 0.
  package static func of<Numbers: Sequence>(_ numbers: Numbers) -> UInt64
  where Numbers.Element: BinaryInteger {
    numbers.reduce(start) { joined($0, UInt64(clamping: $1)) }
  }

  /// The digest of the whole 64-bit words of some bytes: a file as large as a program takes milliseconds.
  package static func of(wordsIn bytes: UnsafeRawBufferPointer) -> UInt64 {
    var digest = start
    for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
      digest = joined(digest, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    return digest
  }
}
