import DeepEPElements

extension HostArray {
  /// The elements as they lie in memory, little-endian.
  package var bytes: [UInt8] {
    switch storage {
    case .floating(let numbers): HostArray.bytes(numbers, element)
    case .integer(let integers): HostArray.bytes(integers, element)
    }
  }

  private static func bytes(_ numbers: [Double], _ element: ElementType) -> [UInt8] {
    switch element {
    case .float64: packed(numbers)
    case .float32: packed(numbers.map { Float($0) })
    case .float16, .bfloat16:
      packed(numbers.map { UInt16(truncatingIfNeeded: element.bits(.floating($0))) })
    default: packed(numbers.map { UInt8(truncatingIfNeeded: element.bits(.floating($0))) })
    }
  }

  private static func bytes(_ integers: [Int64], _ element: ElementType) -> [UInt8] {
    switch element.byteCount {
    case 8: packed(integers)
    case 4: packed(integers.map { Int32(truncatingIfNeeded: $0) })
    case 2: packed(integers.map { Int16(truncatingIfNeeded: $0) })
    default: packed(integers.map { Int8(truncatingIfNeeded: $0) })
    }
  }

  private static func packed<Number>(_ numbers: [Number]) -> [UInt8] {
    numbers.withUnsafeBytes { Array($0) }
  }

  /// Makes an array from elements as they lie in memory.
  package init(_ element: ElementType, _ shape: [Int], bytes: UnsafeRawBufferPointer) {
    let count = shape.reduce(1, *)
    self.init(
      element, shape,
      exact: element.isFloatingPoint
        ? .floating(HostArray.numbers(element, count, bytes))
        : .integer(HostArray.integers(element, count, bytes)))
  }

  private static func numbers(
    _ element: ElementType, _ count: Int, _ bytes: UnsafeRawBufferPointer
  ) -> [Double] {
    switch element {
    case .float64: unpacked(count, bytes)
    case .float32: unpacked(count, bytes).map { (number: Float) in Double(number) }
    case .float16, .bfloat16:
      unpacked(count, bytes).map { (bits: UInt16) in element.scalar(bits: UInt64(bits)).double }
    default:
      unpacked(count, bytes).map { (bits: UInt8) in element.scalar(bits: UInt64(bits)).double }
    }
  }

  private static func integers(
    _ element: ElementType, _ count: Int, _ bytes: UnsafeRawBufferPointer
  ) -> [Int64] {
    switch element {
    case .int64, .uint64: unpacked(count, bytes)
    case .int32: unpacked(count, bytes).map { (number: Int32) in Int64(number) }
    case .uint32: unpacked(count, bytes).map { (number: UInt32) in Int64(number) }
    case .int16: unpacked(count, bytes).map { (number: Int16) in Int64(number) }
    case .uint16: unpacked(count, bytes).map { (number: UInt16) in Int64(number) }
    case .int8: unpacked(count, bytes).map { (number: Int8) in Int64(number) }
    default: unpacked(count, bytes).map { (number: UInt8) in element.wrapped(Int64(number)) }
    }
  }

  private static func unpacked<Number: BitwiseCopyable>(
    _ count: Int, _ bytes: UnsafeRawBufferPointer
  ) -> [Number] {
    let width = MemoryLayout<Number>.size
    return (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * width, as: Number.self) }
  }
}

extension ElementType {
  /// The bits of an element that holds a scalar of this type; those above its width say nothing.
  package func bits(_ scalar: Scalar) -> UInt64 {
    switch scalar {
    case .floating(let number): bits(number)
    case .integer(let integer): UInt64(bitPattern: integer)
    }
  }

  /// The scalar that an element holds whose bits are the lowest of `bits`.
  package func scalar(bits: UInt64) -> Scalar {
    isFloatingPoint
      ? .floating(number(bits: bits)) : .integer(wrapped(Int64(bitPattern: bits)))
  }
}
