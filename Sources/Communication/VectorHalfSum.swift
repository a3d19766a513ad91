/// A 16-bit floating-point format, a vector at a time, without comparisons.
///
/// Swift compares vectors lane by lane; the sign of a difference does the same.
protocol HalfVectorFormat {
  /// The numbers of bits that stand in the lower half of each lane.
  static func numbers(_ bits: SIMD16<UInt32>) -> SIMD16<Float>
  /// The bits of numbers, rounded to nearest, ties to even, in the lower half of each lane.
  static func bits(rounding numbers: SIMD16<Float>) -> SIMD16<UInt32>
}

/// ``BFloat16`` by vectors.
enum BFloat16Vectors: HalfVectorFormat {
  @inline(__always)
  static func numbers(_ bits: SIMD16<UInt32>) -> SIMD16<Float> {
    unsafeBitCast(bits &<< 16, to: SIMD16<Float>.self)
  }

  @inline(__always)
  static func bits(rounding numbers: SIMD16<Float>) -> SIMD16<UInt32> {
    let words = unsafeBitCast(numbers, to: SIMD16<UInt32>.self)
    let isNaN = (words & 0x7fff_ffff).above(0x7f80_0000)
    let tie = (words &>> 16) & 1
    let rounded = words &+ tie &+ 0x7fff
    return isNaN.choose(words | 0x40_0000, else: rounded) &>> 16
  }
}

/// ``Half`` by vectors.
enum HalfVectors: HalfVectorFormat {
  @inline(__always)
  static func numbers(_ bits: SIMD16<UInt32>) -> SIMD16<Float> {
    let bias: UInt32 = 112 << 23
    let one: UInt32 = 1 << 23
    let shifted = (bits & 0x7fff) &<< 13
    let rebased = shifted &+ bias
    let small = unsafeBitCast(rebased &+ one, to: SIMD16<Float>.self) - 0x1p-14
    let isSpecial = shifted.above(31 * one - 1)
    let large = rebased &+ (isSpecial & bias)
    let isNormal = shifted.above(one - 1)
    let magnitude = isNormal.choose(large, else: unsafeBitCast(small, to: SIMD16<UInt32>.self))
    let sign = (bits & 0x8000) &<< 16
    return unsafeBitCast(magnitude | sign, to: SIMD16<Float>.self)
  }

  @inline(__always)
  static func bits(rounding numbers: SIMD16<Float>) -> SIMD16<UInt32> {
    let words = unsafeBitCast(numbers, to: SIMD16<UInt32>.self)
    let magnitude = words & 0x7fff_ffff
    let one: UInt32 = 1 << 23
    let isNaN = magnitude.above(255 * one)
    let special = (isNaN & 0x200) | 0x7c00
    let sum = unsafeBitCast(magnitude, to: SIMD16<Float>.self) + 0.5
    let small = unsafeBitCast(sum, to: SIMD16<UInt32>.self) &- 0x3f00_0000
    let tie = (magnitude &>> 13) & 1
    let rebased = magnitude &- (112 * one)
    let normal = (rebased &+ tie &+ 0xfff) &>> 13
    let finite = magnitude.above(113 * one - 1).choose(normal, else: small)
    let result = magnitude.above(143 * one - 1).choose(special, else: finite)
    let sign = (words &>> 16) & 0x8000
    return result | sign
  }
}

extension SIMD16<UInt32> {
  /// All ones in the lanes that are larger than a number; both are below 2³¹.
  @inline(__always)
  fileprivate func above(_ limit: UInt32) -> SIMD16<UInt32> {
    let difference = SIMD16(repeating: limit) &- self
    return unsafeBitCast(
      unsafeBitCast(difference, to: SIMD16<Int32>.self) &>> 31, to: SIMD16<UInt32>.self)
  }

  /// The lanes of one vector where this is all ones, of the other where it is zero.
  @inline(__always)
  fileprivate func choose(
    _ first: SIMD16<UInt32>, else second: SIMD16<UInt32>
  ) -> SIMD16<UInt32> {
    second ^ ((first ^ second) & self)
  }
}

/// Sums of 16-bit floating-point elements in one pass: added in float32 in the order of the ranks, rounded once.
struct VectorHalfSum<Format: HalfVectorFormat> {
  let sources: UnsafeBufferPointer<UnsafeRawPointer>
  let sourceOffset: Int
  let destinations: UnsafeBufferPointer<UnsafeMutableRawPointer>
  let destinationOffset: Int

  /// How many elements a step takes.
  static var stepCount: Int { 32 }

  /// Sums `count` elements, a multiple of ``stepCount``.
  ///
  /// - Parameter divisor: of the sums.
  @inline(__always)
  func apply(count: Int, divisor: Float?) {
    for offset in stride(from: 0, to: count * 2, by: 64) {
      var (low, high) = Self.numbers(sources[0], sourceOffset + offset)
      for rank in 1..<sources.count {
        let (lowTerm, highTerm) = Self.numbers(sources[rank], sourceOffset + offset)
        low += lowTerm
        high += highTerm
      }
      if let divisor { (low, high) = (low / divisor, high / divisor) }
      let words = Format.bits(rounding: low) | Format.bits(rounding: high) &<< 16
      for destination in destinations {
        destination.storeBytes(
          of: words, toByteOffset: destinationOffset + offset, as: SIMD16<UInt32>.self)
      }
    }
  }

  /// The elements at even places, which are the lower halves of words, and those at odd ones.
  @inline(__always)
  private static func numbers(
    _ source: UnsafeRawPointer, _ offset: Int
  ) -> (SIMD16<Float>, SIMD16<Float>) {
    let words = source.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt32>.self)
    return (Format.numbers(words & 0xffff), Format.numbers(words &>> 16))
  }
}
