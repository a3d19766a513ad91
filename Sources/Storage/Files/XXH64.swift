/// The checksum XXH64 (Yann Collet, github.com/Cyan4973/xxHash) with the seed 0: it finds damage, and tells texts apart.
///
/// It is no protection against someone who wants two texts to have the same one.
package struct XXH64 {
  /// The checksum.
  package let value: UInt64

  private static let primes: [UInt64] = [
    0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5,
  ]

  /// Sums up bytes.
  package init(_ bytes: UnsafeRawBufferPointer) {
    let primes = (Self.primes[0], Self.primes[1], Self.primes[2], Self.primes[3], Self.primes[4])
    var offset = 0
    func word() -> UInt64 {
      defer { offset += 8 }
      return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    func round(_ sum: UInt64, _ word: UInt64) -> UInt64 {
      (sum &+ word &* primes.1).rotated(31) &* primes.0
    }
    var sum = primes.4
    if bytes.count >= 32 {
      var (a, b, c, d) = (primes.0 &+ primes.1, primes.1, UInt64(0), 0 &- primes.0)
      while offset <= bytes.count - 32 {
        (a, b) = (round(a, word()), round(b, word()))
        (c, d) = (round(c, word()), round(d, word()))
      }
      sum = a.rotated(1) &+ b.rotated(7) &+ c.rotated(12) &+ d.rotated(18)
      for lane in [a, b, c, d] { sum = (sum ^ round(0, lane)) &* primes.0 &+ primes.3 }
    }
    sum &+= UInt64(bytes.count)
    while offset <= bytes.count - 8 {
      sum = (sum ^ round(0, word())).rotated(27) &* primes.0 &+ primes.3
    }
    if offset <= bytes.count - 4 {
      let half = UInt32(
        littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      sum = (sum ^ UInt64(half) &* primes.0).rotated(23) &* primes.1 &+ primes.2
      offset += 4
    }
    while offset < bytes.count {
      sum = (sum ^ UInt64(bytes[offset]) &* primes.4).rotated(11) &* primes.0
      offset += 1
    }
    sum = (sum ^ sum >> 33) &* primes.1
    sum = (sum ^ sum >> 29) &* primes.2
    value = sum ^ sum >> 32
  }

  /// Sums up a text.
  package init(_ text: String) {
    self = Array(text.utf8).withUnsafeBytes { XXH64($0) }
  }

  /// Sixteen digits.
  package var hexadecimal: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

extension UInt64 {
  fileprivate func rotated(_ count: UInt64) -> UInt64 { self << count | self >> (64 - count) }
}
