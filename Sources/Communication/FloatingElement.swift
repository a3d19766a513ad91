import DeepEPElements

/// A floating-point element as it lies in memory, with the type that reductions compute in.
protocol FloatingElement: BitwiseCopyable {
  associatedtype Accumulator: BinaryFloatingPoint & BitwiseCopyable
  var accumulator: Accumulator { get }
  init(rounding accumulator: Accumulator)
}

extension Double: FloatingElement {
  var accumulator: Double { self }
  init(rounding accumulator: Double) { self = accumulator }
}

extension Float: FloatingElement {
  var accumulator: Float { self }
  init(rounding accumulator: Float) { self = accumulator }
}

/// A float16, converted without branches: the processor's own instructions are not in every x86-64, and
/// what stands in for them is called for each element.
///
/// After F. Giesen, "half_to_float_fast4" and "float_to_half_fast3_rtne", 2012.
struct Half: FloatingElement {
  private let bits: UInt16

  var accumulator: Float {
    let shifted = Int32(bits & 0x7fff) << 13
    let rebased = shifted &+ 112 << 23
    // The float of a subnormal number: a one is put in front of its fraction, and taken away.
    let small = Float(bitPattern: UInt32(bitPattern: rebased &+ 1 << 23)) - 0x1p-14
    let special = rebased &+ 112 << 23
    let large = shifted >= 31 << 23 ? special : rebased
    let magnitude = shifted < 1 << 23 ? Int32(bitPattern: small.bitPattern) : large
    return Float(bitPattern: UInt32(bitPattern: magnitude) | UInt32(bits & 0x8000) << 16)
  }

  /// Rounds to nearest, ties to even.
  init(rounding accumulator: Float) {
    let word = accumulator.bitPattern
    // Signed numbers, since not every processor compares vectors of others.
    let magnitude = Int32(bitPattern: word & 0x7fff_ffff)
    let special: Int32 = magnitude > 255 << 23 ? 0x7e00 : 0x7c00
    let half: Float = 0.5
    let sum = Float(bitPattern: UInt32(bitPattern: magnitude)) + half
    let small = Int32(bitPattern: sum.bitPattern &- half.bitPattern)
    let normal = (magnitude &- 112 << 23 &+ 0xfff &+ (magnitude >> 13 & 1)) >> 13
    let finite = magnitude < 113 << 23 ? small : normal
    let result = magnitude >= 143 << 23 ? special : finite
    bits = UInt16(truncatingIfNeeded: UInt32(bitPattern: result) | word >> 16 & 0x8000)
  }
}

/// The upper half of a float32.
struct BFloat16: FloatingElement {
  private let bits: UInt16

  var accumulator: Float { Float(bitPattern: UInt32(bits) << 16) }

  /// Rounds to nearest, ties to even.
  init(rounding accumulator: Float) {
    let word = accumulator.bitPattern
    // Rounding could carry a NaN into the sign; the set bit keeps it one.
    let rounded = (word &+ 0x7fff &+ (word >> 16 & 1)) >> 16
    let quiet = word >> 16 | 0x40
    bits = UInt16(
      truncatingIfNeeded: Int32(bitPattern: word & 0x7fff_ffff) > 255 << 23 ? quiet : rounded)
  }
}

struct Float8E4M3: FloatingElement {
  private let bits: UInt8

  var accumulator: Float { Float(ElementType.float8e4m3.number(bits: UInt64(bits))) }
  init(rounding accumulator: Float) { bits = ElementType.float8e4m3.byte(rounding: accumulator) }
}

struct Float8E5M2: FloatingElement {
  private let bits: UInt8

  var accumulator: Float { Float(ElementType.float8e5m2.number(bits: UInt64(bits))) }
  init(rounding accumulator: Float) { bits = ElementType.float8e5m2.byte(rounding: accumulator) }
}

extension ElementType {
  fileprivate func byte(rounding number: Float) -> UInt8 {
    UInt8(truncatingIfNeeded: bits(rounded(Double(number))))
  }
}
