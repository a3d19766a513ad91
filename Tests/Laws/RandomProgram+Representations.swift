import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  /// The same numbers in fewer bits, or the same bits as other numbers.
  ///
  /// Both jump, so that they are applied to numbers that are exact.
  mutating func representations() {
    switch random.below(5) {
    case 0, 1: quantized(random.pick(exact))
    case 2: packed()
    case 3: bits(of: anyInteger())
    default: bits(of: random.pick(exact))
    }
  }

  private mutating func quantized(_ x: Tensor) {
    guard x.rank > 0 else { return }
    let few: ElementType = random.pick([.int8, .float8e4m3, .float8e5m2])
    let block = random.pick([1, 3, 8, 64])
    let (elements, scales) = x.quantized(to: few, block: block)
    keepExact(elements.dequantized(scales: scales, block: block, as: element))
    keepExact(scales.converted(to: element))
    keep(few == .int8 ? elements : elements.bitcast(to: .uint8))
  }

  private mutating func packed() {
    if random.once(in: 2) {
      let x = value(shape(), .bool)
      let bytes = x.packedBits()
      keep(bytes)
      keep(bytes.unpackedBits(x.shape[x.rank - 1]))
    } else {
      // Bits past the end may be set, and say nothing.
      let bytes = value(shape(), .uint8)
      keep(bytes.unpackedBits(8 * bytes.shape[bytes.rank - 1] - random.below(8)))
    }
  }

  private mutating func bits(of x: Tensor) {
    let width = x.type.element.byteCount
    let targets = ElementType.allCases.filter {
      !$0.isFloatingPoint && $0 != .bool && $0.byteCount == width
    }
    let y = x.bitcast(to: random.pick(targets))
    keep(y)
    if width == element.byteCount { keepExact(fraction(y)) }
  }

  /// A float from zero to below one, whose mantissa has the bits of an integer of the same width.
  private func fraction(_ x: Tensor) -> Tensor {
    let (mantissa, one) =
      element == .float64 ? (0x1p52 - 1, 0x3FF0p48) : (0x1p23 - 1, Double(0x3F80_0000))
    let number = x.binary(.and, x.filled(with: mantissa)).binary(.or, x.filled(with: one))
    return number.bitcast(to: element) - 1
  }

  // MARK: Attributes of memory

  /// The same numbers by way of a library's format, another memory, or with names.
  mutating func memory() {
    let isInteger = !isSmooth && random.once(in: 4)
    let isExact = !isInteger && random.once(in: 3)
    let x = isInteger ? anyInteger() : isExact ? random.pick(exact) : any()
    for y in elsewhere(x) { isExact ? keepExact(y) : keep(y) }
  }

  private mutating func elsewhere(_ x: Tensor) -> [Tensor] {
    switch random.below(3) {
    case 0:
      let bytes = x.type.byteCount + 4 * random.below(9)
      let there = x.relaid(as: .opaque(name: "blocked", byteCount: bytes))
      return back(there) { $0.relaid(as: .rowMajor) }
    case 1:
      let there = x.transferred(to: random.pick([.host, .shared]))
      return back(there) { $0.transferred(to: .device) }
    default:
      let axes = x.shape.map { _ in random.pick(LogicalAxis.allCases.map(Optional.some) + [nil]) }
      return [x.apply(Named(axes.map { .axis($0) }))]
    }
  }

  /// A value that lies elsewhere, brought back once or twice, so that its gradient is a sum.
  private mutating func back(_ there: Tensor, _ way: (Tensor) -> Tensor) -> [Tensor] {
    random.once(in: 2) ? [way(there)] : [way(there), way(there)]
  }
}
