import DeepEPElements

extension StoredTensor {
  /// Calls `body` with the elements as float32, converted if the file has them in another floating-point type.
  ///
  /// - Throws: ``StorageError`` for a type that is none of float64, float32, float16 and bfloat16, and what `body`
  ///   throws.
  public func withFloats<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    try withBytes { source in
      if element == .float32 { return try body(source) }
      return try floats(source).withUnsafeBytes(body)
    }
  }

  private func floats(_ source: UnsafeRawBufferPointer) throws -> [Float] {
    switch element {
    case .float64: converted(source) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
    case .bfloat16: converted(source) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
    case .float16: converted(source) { (bits: UInt16) in Float(Float16(bitPattern: bits)) }
    default:
      throw StorageError(
        "\(name.shown) is of \(element.rawValue)", at: "weights",
        fix: "write the weights as float32, bfloat16 or float16")
    }
  }

  private func converted<Bits: BitwiseCopyable>(
    _ source: UnsafeRawBufferPointer, _ number: (Bits) -> Float
  ) -> [Float] {
    let width = MemoryLayout<Bits>.size
    return (0..<source.count / width).map {
      number(source.loadUnaligned(fromByteOffset: $0 * width, as: Bits.self))
    }
  }
}
