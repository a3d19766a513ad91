/// How float32 numbers travel between hosts.
public enum WireFormat: String, Hashable, Codable, Sendable, CaseIterable {
  /// As they are.
  case exact
  /// Rounded to bfloat16: 2 bytes, relative errors up to 2⁻⁸.
  case bfloat16
  /// Blocks of 256 numbers in 8 bits with a scale of their own: about 1 byte, errors up to 1/254 of the
  /// largest number of a block. A block with a number that is not finite becomes all not a number.
  case int8

  private static var blockSize: Int { 256 }

  /// How many bytes numbers take.
  func byteCount(_ count: Int) -> Int {
    switch self {
    case .exact: 4 * count
    case .bfloat16: 2 * count
    case .int8: count + 4 * ((count + Self.blockSize - 1) / Self.blockSize)
    }
  }

  /// Writes numbers as they travel.
  func encode(
    _ numbers: UnsafePointer<Float>, count: Int, into bytes: UnsafeMutableRawPointer
  ) {
    switch self {
    case .exact: bytes.copyMemory(from: numbers, byteCount: 4 * count)
    case .bfloat16:
      for index in 0..<count {
        bytes.storeBytes(
          of: BFloat16(rounding: numbers[index]), toByteOffset: index &* 2, as: BFloat16.self)
      }
    case .int8:
      var target = bytes
      for start in stride(from: 0, to: count, by: Self.blockSize) {
        let size = min(Self.blockSize, count - start)
        Self.encodeBlock(numbers + start, size, target)
        target += size + 4
      }
    }
  }

  /// Reads numbers that have travelled.
  func decode(
    _ bytes: UnsafeRawPointer, count: Int, into numbers: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .exact: UnsafeMutableRawPointer(numbers).copyMemory(from: bytes, byteCount: 4 * count)
    case .bfloat16:
      for index in 0..<count {
        numbers[index] =
          bytes.loadUnaligned(fromByteOffset: index &* 2, as: BFloat16.self).accumulator
      }
    case .int8:
      var source = bytes
      for start in stride(from: 0, to: count, by: Self.blockSize) {
        let size = min(Self.blockSize, count - start)
        Self.decodeBlock(source, size, numbers + start)
        source += size + 4
      }
    }
  }

  /// A scale, then a byte for each number.
  private static func encodeBlock(
    _ numbers: UnsafePointer<Float>, _ count: Int, _ target: UnsafeMutableRawPointer
  ) {
    var largest: Float = 0
    var isFinite = true
    for index in 0..<count {
      let magnitude = numbers[index].magnitude
      isFinite = isFinite && magnitude.isFinite
      largest = magnitude > largest ? magnitude : largest
    }
    // A scale that is subnormal would lose its digits; such numbers are as good as zero.
    let scale = isFinite ? (largest < 0x1p-100 ? 0 : largest / 127) : .nan
    let inverse = isFinite && scale > 0 ? 1 / scale : 0
    target.storeBytes(of: scale.bitPattern.littleEndian, as: UInt32.self)
    for index in 0..<count {
      // Not a number has no integer: zero stands for it, and its scale says what it was.
      let level = isFinite ? (numbers[index] * inverse).rounded(.toNearestOrEven) : 0
      target.storeBytes(
        of: Int8(clamping: Int32(level)), toByteOffset: index &+ 4, as: Int8.self)
    }
  }

  private static func decodeBlock(
    _ source: UnsafeRawPointer, _ count: Int, _ numbers: UnsafeMutablePointer<Float>
  ) {
    let scale = Float(
      bitPattern: UInt32(littleEndian: source.loadUnaligned(as: UInt32.self)))
    for index in 0..<count {
      let level = source.loadUnaligned(fromByteOffset: index &+ 4, as: Int8.self)
      numbers[index] = Float(level) * scale
    }
  }
}
