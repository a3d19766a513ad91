extension WireFormat {
  /// Encodes float32 numbers with what was lost of them before, and keeps what is lost now.
  ///
  /// What travels and what is kept make up exactly what was given and what was kept before, but for one
  /// rounding of float32.
  ///
  /// - Parameters:
  ///   - numbers: float32 numbers, to which what was lost is added.
  ///   - residual: what was lost of the first of them before; nil lets go of it.
  func encode(
    _ numbers: UnsafeMutableRawBufferPointer, into bytes: UnsafeMutableRawBufferPointer,
    residual: UnsafeMutableBufferPointer<Float>?
  ) {
    let count = numbers.count / 4
    guard count > 0, let from = numbers.baseAddress, let to = bytes.baseAddress else { return }
    let given = from.assumingMemoryBound(to: Float.self)
    guard let residual, let lost = residual.baseAddress else {
      return encode(given, count: count, into: to)
    }
    for index in 0..<residual.count { given[index] += lost[index] }
    encode(given, count: count, into: to)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { decoded in
      guard let arrived = decoded.baseAddress else { return }
      decode(to, count: count, into: arrived)
      for index in 0..<residual.count {
        let rest = given[index] - arrived[index]
        // What is not finite will not come back.
        lost[index] = rest.isFinite ? rest : 0
      }
    }
  }

  /// Decodes float32 numbers that fill a buffer.
  func decode(_ bytes: UnsafeRawBufferPointer, into numbers: UnsafeMutableRawBufferPointer) {
    guard let from = bytes.baseAddress, let to = numbers.baseAddress, !numbers.isEmpty else {
      return
    }
    decode(from, count: numbers.count / 4, into: to.assumingMemoryBound(to: Float.self))
  }
}
