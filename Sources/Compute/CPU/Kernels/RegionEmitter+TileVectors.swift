import DeepEPElements
import DeepEPTensors

// Vectors in memory and registers.
extension RegionEmitter {
  mutating func moved(_ base: TileBase, _ start: String, _ offset: Int) -> String {
    let type = base.element.memoryType
    let moved = text.value("getelementptr inbounds \(type), ptr \(base.address), i64 \(start)")
    return offset == 0
      ? moved : text.value("getelementptr inbounds \(type), ptr \(moved), i64 \(offset)")
  }

  /// The lanes of a vector that hold columns; nil for all of them.
  private func mask(_ vector: Int, _ block: RegisterBlock) -> String? {
    guard vector == block.vectors - 1, block.lastColumns < block.lanes else { return nil }
    let bits = (0..<block.lanes).map { "i1 \($0 < block.lastColumns)" }
    return "<\(block.lanes) x i1> <\(bits.joined(separator: ", "))>"
  }

  mutating func load(
    _ address: String, _ element: ElementType, _ sum: ElementType, _ vector: Int,
    _ block: RegisterBlock
  ) -> String {
    let raw = loadRaw(address, element, alignment: element.byteCount, vector, block)
    return widened(raw, element, sum, lanes: block.lanes)
  }

  private mutating func loadRaw(
    _ address: String, _ element: ElementType, alignment: Int, _ vector: Int,
    _ block: RegisterBlock
  ) -> String {
    let type = element.memoryVector(block.lanes)
    guard let mask = mask(vector, block) else {
      return text.value("load \(type), ptr \(address), align \(alignment)")
    }
    let name = "llvm.masked.load.v\(block.lanes)\(element.memorySuffix).p0"
    text.declare("declare \(type) @\(name)(ptr, i32, <\(block.lanes) x i1>, \(type))")
    return text.value(
      "call \(type) @\(name)(ptr \(address), i32 \(alignment), \(mask), "
        + "\(type) zeroinitializer)")
  }

  mutating func store(
    _ value: String, _ address: String, _ element: ElementType, _ vector: Int,
    _ block: RegisterBlock
  ) {
    let type = element.vector(block.lanes)
    guard let mask = mask(vector, block) else {
      return text.line("store \(type) \(value), ptr \(address), align \(element.byteCount)")
    }
    let name = "llvm.masked.store.v\(block.lanes)\(element.memorySuffix).p0"
    text.declare("declare void @\(name)(\(type), ptr, i32, <\(block.lanes) x i1>)")
    text.line(
      "call void @\(name)(\(type) \(value), ptr \(address), i32 \(element.byteCount), \(mask))")
  }

  /// One element in all lanes.
  mutating func repeated(
    _ address: String, _ element: ElementType, _ sum: ElementType, _ block: RegisterBlock
  ) -> String {
    let raw = text.value(
      "load \(element.memoryType), ptr \(address), align \(element.byteCount)")
    let one = widened(raw, element, sum, lanes: nil)
    let type = sum.vector(block.lanes)
    let first = text.value("insertelement \(type) poison, \(sum.registerType) \(one), i64 0")
    return text.value(
      "shufflevector \(type) \(first), \(type) poison, <\(block.lanes) x i32> zeroinitializer")
  }

  mutating func multiplyAdd(
    _ x: String, _ y: String, _ z: String, _ sum: ElementType, _ block: RegisterBlock
  ) -> String {
    let type = sum.vector(block.lanes)
    let name = "llvm.fma.v\(block.lanes)\(sum.intrinsicSuffix)"
    return text.value("call \(type) @\(name)(\(type) \(x), \(type) \(y), \(type) \(z))")
  }

  /// What is in memory as numbers of the sum's type: vectors, or single ones where there are no lanes.
  private mutating func widened(
    _ raw: String, _ element: ElementType, _ sum: ElementType, lanes: Int?
  ) -> String {
    let type = { (scalar: String) in lanes.map { "<\($0) x \(scalar)>" } ?? scalar }
    var value = raw
    var held = element
    if element == .bfloat16 {
      let shift = lanes.map { _ in "splat (i32 16)" } ?? "16"
      value = text.value("zext \(type("i16")) \(value) to \(type("i32"))")
      value = text.value("shl \(type("i32")) \(value), \(shift)")
      value = text.value("bitcast \(type("i32")) \(value) to \(type("float"))")
      held = .float32
    }
    guard held.memoryType != sum.registerType else { return value }
    return text.value("fpext \(type(held.memoryType)) \(value) to \(type(sum.registerType))")
  }
}

// Pairs of bfloat16 numbers, as integers of 32 bits of which the lower half is the first.
extension RegionEmitter {
  mutating func loadPairs(
    _ address: String, _ vector: Int, _ block: RegisterBlock
  ) -> String {
    loadRaw(address, .int32, alignment: 2, vector, block)
  }

  /// One pair in all lanes.
  mutating func repeatedPair(_ address: String, _ block: RegisterBlock) -> String {
    let type = "<\(block.lanes) x i32>"
    let pair = text.value("load i32, ptr \(address), align 2")
    let first = text.value("insertelement \(type) poison, i32 \(pair), i64 0")
    return text.value(
      "shufflevector \(type) \(first), \(type) poison, \(type) zeroinitializer")
  }

  mutating func multiplyAddPairs(
    _ x: String, _ y: String, _ sum: String, _ block: RegisterBlock
  ) -> String {
    guard hasPairedProducts, block.lanes == 16 else {
      return [false, true].reduce(sum) { sum, isHigh in
        multiplyAdd(half(x, isHigh, block), half(y, isHigh, block), sum, .float32, block)
      }
    }
    let name = "llvm.x86.avx512bf16.dpbf16ps.512"
    let (sums, pairs) = ("<16 x float>", "<32 x bfloat>")
    text.declare("declare \(sums) @\(name)(\(sums), \(pairs), \(pairs))")
    let factors = [x, y].map { text.value("bitcast <16 x i32> \($0) to \(pairs)") }
    return text.value(
      "call \(sums) @\(name)(\(sums) \(sum), \(pairs) \(factors[0]), \(pairs) \(factors[1]))")
  }

  /// The first or second numbers of pairs.
  private mutating func half(_ pairs: String, _ isHigh: Bool, _ block: RegisterBlock) -> String {
    let type = "<\(block.lanes) x i32>"
    let bits = text.value(
      isHigh
        ? "and \(type) \(pairs), splat (i32 -65536)" : "shl \(type) \(pairs), splat (i32 16)")
    return text.value("bitcast \(type) \(bits) to <\(block.lanes) x float>")
  }
}

extension ElementType {
  fileprivate func memoryVector(_ lanes: Int) -> String { "<\(lanes) x \(memoryType)>" }
  /// The suffix of intrinsic functions for what is in memory.
  fileprivate var memorySuffix: String {
    switch self {
    case .float64: "f64"
    case .float32: "f32"
    case .float16: "f16"
    default: "i\(byteCount * 8)"
    }
  }
}
