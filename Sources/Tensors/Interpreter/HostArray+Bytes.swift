import DeepEPElements

extension HostArray {
  /// The elements as they lie in memory, little-endian.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * element.byteCount)
    for position in 0..<count {
      let bits = element.bits(self[position])
      for byte in 0..<element.byteCount {
        bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * byte)))
      }
    }
    return bytes
  }

  /// Makes an array from elements as they lie in memory.
  package init(_ element: ElementType, _ shape: [Int], bytes: UnsafeRawBufferPointer) {
    let width = element.byteCount
    let scalars = (0..<shape.reduce(1, *)).map { position -> Scalar in
      var bits: UInt64 = 0
      for byte in 0..<width { bits |= UInt64(bytes[position * width + byte]) << (8 * byte) }
      return element.scalar(bits: bits)
    }
    self.init(element, shape, scalars: scalars)
  }
}

extension ElementType {
  fileprivate func bits(_ scalar: Scalar) -> UInt64 {
    switch (self, scalar) {
    case (.float64, .floating(let number)): number.bitPattern
    case (.float32, .floating(let number)): UInt64(Float(number).bitPattern)
    case (.bfloat16, .floating(let number)): UInt64(Float(number).bitPattern >> 16)
    case (_, .floating(let number)): smallBits(number)
    case (_, .integer(let integer)): UInt64(bitPattern: integer)
    }
  }

  fileprivate func scalar(bits: UInt64) -> Scalar {
    switch self {
    case .float64: .floating(Double(bitPattern: bits))
    case .float32: .floating(Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits))))
    case .bfloat16: .floating(Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16)))
    case .float16, .float8e4m3, .float8e5m2: .floating(smallNumber(bits))
    default: .integer(wrapped(Int64(bitPattern: bits)))
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
