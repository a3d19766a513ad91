extension ElementType {
  /// The number that an element of this type holds after `number` is stored in it.
  ///
  /// Floating-point types round to nearest, ties to even; out of range they become infinite (or not
  /// a number in `float8e4m3`, which has no infinity). Integer types truncate and saturate, and turn
  /// what is not a number into zero.
  public func rounded(_ number: Double) -> Double {
    switch self {
    case .float64: number
    case .float32: Double(Float(number))
    case .float16: number.rounded(mantissaBits: 10, leastExponent: -14, largest: 65504)
    case .bfloat16:
      number.rounded(mantissaBits: 7, leastExponent: -126, largest: 0x1.fep127)
    case .float8e4m3:
      number.rounded(mantissaBits: 3, leastExponent: -6, largest: 448, overflow: .nan)
    case .float8e5m2: number.rounded(mantissaBits: 2, leastExponent: -14, largest: 57344)
    case .bool: number != 0 ? 1 : 0
    default: Double(integer(from: number))
    }
  }

  /// The integer element that `number` converts to: truncated and saturated, zero if not a number.
  ///
  /// A `uint64` above the largest signed integer is returned as the same bits.
  public func integer(from number: Double) -> Int64 {
    if self == .bool { return number != 0 ? 1 : 0 }
    if self == .uint64, number >= 0x1p63 {
      return Int64(bitPattern: number >= 0x1p64 ? .max : UInt64(number))
    }
    guard !number.isNaN else { return 0 }
    let bits = integerBitCount
    let high = isSignedInteger ? Int64.max >> Int64(64 - bits) : bits == 64 ? .max : 1 << bits - 1
    let low = isSignedInteger ? Int64.min >> Int64(64 - bits) : 0
    if number >= Double(high) { return high }
    return number <= Double(low) ? low : Int64(number)
  }

  /// The integer that an element of this type holds after `integer` is stored in it: the low bits.
  public func wrapped(_ integer: Int64) -> Int64 {
    switch self {
    case .int32: Int64(Int32(truncatingIfNeeded: integer))
    case .int16: Int64(Int16(truncatingIfNeeded: integer))
    case .int8: Int64(Int8(truncatingIfNeeded: integer))
    case .uint32: Int64(UInt32(truncatingIfNeeded: integer))
    case .uint16: Int64(UInt16(truncatingIfNeeded: integer))
    case .uint8: Int64(UInt8(truncatingIfNeeded: integer))
    case .bool: integer != 0 ? 1 : 0
    default: integer
    }
  }
}

extension Double {
  fileprivate func rounded(
    mantissaBits: Int, leastExponent: Int, largest: Double, overflow: Double = .infinity
  ) -> Double {
    guard isFinite, self != 0 else { return isInfinite && overflow.isNaN ? .nan : self }
    let scale = Swift.max(Int(exponent), leastExponent) - mantissaBits
    let quantum = Double(sign: .plus, exponent: scale, significand: 1)
    let result = (self / quantum).rounded(.toNearestOrEven) * quantum
    guard result.magnitude > largest else { return result }
    return overflow.isNaN ? .nan : Double(signOf: self, magnitudeOf: overflow)
  }
}
