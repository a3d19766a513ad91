extension ElementType {
  /// The bits of an element of this floating-point type, in the low bytes.
  ///
  /// - Parameter number: one that the type can hold, as ``rounded(_:)`` returns it.
  package func bits(_ number: Double) -> UInt64 {
    switch self {
    case .float64: number.bitPattern
    case .float32: UInt64(Float(number).bitPattern)
    case .bfloat16: UInt64(Float(number).bitPattern >> 16)
    default: smallBits(number)
    }
  }

  /// The number that the bits of an element of this floating-point type stand for.
  package func number(bits: UInt64) -> Double {
    switch self {
    case .float64: Double(bitPattern: bits)
    case .float32: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
    case .bfloat16: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16))
    default: smallNumber(bits)
    }
  }

  /// Exponent and mantissa bits of the small floating-point formats.
  private var smallFormat: (exponent: Int, mantissa: Int) {
    switch self {
    case .float16: (5, 10)
    case .float8e4m3: (4, 3)
    default: (5, 2)
    }
  }

  private func smallBits(_ number: Double) -> UInt64 {
    let (exponentBits, mantissaBits) = smallFormat
    let sign: UInt64 = number.sign == .minus ? 1 << (exponentBits + mantissaBits) : 0
    let top: UInt64 = (1 << exponentBits - 1) << mantissaBits
    if number.isNaN { return sign | top | (1 << mantissaBits - 1) }
    if number.isInfinite { return sign | top }
    let bias = 1 << (exponentBits - 1) - 1
    guard number != 0 else { return sign }
    let exponent = Swift.max(Int(number.exponent), 1 - bias)
    let scaled =
      number.magnitude / Double(sign: .plus, exponent: exponent - mantissaBits, significand: 1)
    let mantissa = UInt64(scaled)
    let isNormal = mantissa >> mantissaBits == 1
    return sign | (isNormal ? UInt64(exponent + bias) << mantissaBits : 0)
      | (mantissa & (1 << mantissaBits - 1))
  }

  private func smallNumber(_ bits: UInt64) -> Double {
    let (exponentBits, mantissaBits) = smallFormat
    let bias = 1 << (exponentBits - 1) - 1
    let mantissa = bits & (1 << mantissaBits - 1)
    let exponent = Int(bits >> mantissaBits) & (1 << exponentBits - 1)
    let sign: Double = bits >> (exponentBits + mantissaBits) & 1 == 1 ? -1 : 1
    let isTop = exponent == 1 << exponentBits - 1
    // OFP8's e4m3 has no infinity, and one NaN: the largest pattern.
    if isTop, self != .float8e4m3 { return mantissa == 0 ? sign * .infinity : .nan }
    if isTop, mantissa == 1 << mantissaBits - 1 { return .nan }
    let significand = Double(exponent == 0 ? mantissa : mantissa | 1 << mantissaBits)
    return sign * significand
      * Double(sign: .plus, exponent: Swift.max(exponent, 1) - bias - mantissaBits, significand: 1)
  }
}
