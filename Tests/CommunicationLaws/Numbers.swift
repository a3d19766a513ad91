import DeepEPElements

/// A small generator (SplitMix64), so that every rank can know the numbers of all.
package struct Numbers {
  private var state: UInt64

  package init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }

  /// A number from zero up, below a limit.
  package mutating func next(below limit: Int) -> Int {
    Int(truncatingIfNeeded: next() % UInt64(max(1, limit)))
  }

  /// One of some values.
  package mutating func one<Value>(of values: [Value]) -> Value {
    values[next(below: values.count)]
  }

  /// Elements of a type: floats between -2 and 2, any integer.
  ///
  /// - Parameter areSpecial: whether there are some that are not finite or not normal, zeros of both signs, and
  ///   Booleans of all bits.
  package static func bytes(
    _ element: ElementType, _ count: Int, seed: Int, areSpecial: Bool = false
  ) -> [UInt8] {
    var numbers = Numbers(seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * element.byteCount)
    for _ in 0..<count {
      let bits = numbers.bits(element, areSpecial)
      for byte in 0..<element.byteCount {
        bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * byte)))
      }
    }
    return bytes
  }

  private mutating func bits(_ element: ElementType, _ areSpecial: Bool) -> UInt64 {
    let word = next()
    if element == .bool { return areSpecial ? word & 0xff : word & 1 }
    guard element.isFloatingPoint else { return word }
    var number = Double(word >> 11) * 0x1p-51 - 2
    if areSpecial, word & 3 == 0 { number = Self.special[Int(word >> 2 & 7)] * number }
    return element.bits(element.rounded(number))
  }

  private static var special: [Double] {
    [0, 0, .infinity, .nan, 0x1p-10, 0x1p-16, 0x1p-135, 0x1p-1060]
  }
}
