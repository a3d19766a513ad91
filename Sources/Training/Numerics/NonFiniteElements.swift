import DeepEPElements

/// The elements of some numbers that are infinite, or no numbers.
struct NonFiniteElements {
  private(set) var infiniteCount = 0
  private(set) var nanCount = 0
  /// The place and value of the first of them.
  private(set) var first: (index: Int, value: Double)?

  var isEmpty: Bool { first == nil }

  /// Looks through elements as they lie in memory; those of types without infinity are all fine.
  init(_ element: ElementType, _ bytes: UnsafeRawBufferPointer) {
    switch element {
    case .float64: look(bytes, { (bits: UInt64) in Double(bitPattern: bits) })
    case .float32: look(bytes, { (bits: UInt32) in Double(Float(bitPattern: bits)) })
    case .bfloat16: look(bytes, { (bits: UInt16) in Double(Float(bitPattern: UInt32(bits) << 16)) })
    case .float16: look(bytes, { (bits: UInt16) in Double(Float16(bitPattern: bits)) })
    default: break
    }
  }

  private mutating func look<Bits: FixedWidthInteger>(
    _ bytes: UnsafeRawBufferPointer, _ number: (Bits) -> Double
  ) {
    let width = MemoryLayout<Bits>.size
    for index in 0..<bytes.count / width {
      let value = number(bytes.loadUnaligned(fromByteOffset: index * width, as: Bits.self))
      guard !value.isFinite else { continue }
      if value.isNaN { nanCount += 1 } else { infiniteCount += 1 }
      if first == nil { first = (index, value) }
    }
  }

  /// For people: how many of an array of a shape, and the first.
  func text(shape: [Int]) -> String {
    guard let first else { return "all are finite" }
    let count = infiniteCount + nanCount
    var (rest, place) = (first.index, [Int]())
    for size in shape.reversed() where size > 0 {
      place.insert(rest % size, at: 0)
      rest /= size
    }
    return "\(count) of \(shape.reduce(1, *)) elements, the first at \(place) is \(first.value)"
  }
}
