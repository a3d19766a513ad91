import DeepEPElements

/// A floating-point element as it lies in memory, with the type that reductions compute in.
protocol FloatingElement: BitwiseCopyable {
  associatedtype Accumulator: BinaryFloatingPoint
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

extension Float16: FloatingElement {
  var accumulator: Float { Float(self) }
  init(rounding accumulator: Float) { self = Float16(accumulator) }
}

/// The upper half of a float32.
struct BFloat16: FloatingElement {
  private let bits: UInt16

  var accumulator: Float { Float(bitPattern: UInt32(bits) << 16) }

  /// Rounds to nearest, ties to even.
  init(rounding accumulator: Float) {
    let word = accumulator.bitPattern
    // Rounding could carry a NaN into the sign; the set bit keeps it one.
    guard !accumulator.isNaN else {
      bits = UInt16(word >> 16) | 0x40
      return
    }
    bits = UInt16(truncatingIfNeeded: (word + 0x7fff + (word >> 16 & 1)) >> 16)
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
