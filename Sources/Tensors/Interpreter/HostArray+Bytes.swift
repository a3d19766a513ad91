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
    switch scalar {
    case .floating(let number): bits(number)
    case .integer(let integer): UInt64(bitPattern: integer)
    }
  }

  fileprivate func scalar(bits: UInt64) -> Scalar {
    isFloatingPoint
      ? .floating(number(bits: bits)) : .integer(wrapped(Int64(bitPattern: bits)))
  }
}
