import DeepEPCompute
import DeepEPElements
import DeepEPTensors

/// Numbers of one element type in memory, as tests write and read them.
final class Numbers {
  let element: ElementType
  let count: Int
  let memory: UnsafeMutableRawPointer

  init(_ element: ElementType, _ values: [Double]) {
    (self.element, count) = (element, values.count)
    memory = .allocate(byteCount: max(values.count, 1) * 8, alignment: 64)
    for (index, value) in values.enumerated() { set(index, value) }
  }

  deinit { memory.deallocate() }

  var values: [Double] { (0..<count).map(get) }

  private func set(_ index: Int, _ value: Double) {
    switch element {
    case .float64: put(value, index)
    case .float32: put(Float(value), index)
    case .float16: put(Float16(value), index)
    case .bfloat16: put(UInt16(Self.bfloat16(Float(value)).bitPattern >> 16), index)
    case .int64: put(Int64(value), index)
    case .int32: put(Int32(value), index)
    case .int16: put(Int16(value), index)
    case .int8: put(Int8(value), index)
    case .uint64: put(UInt64(value), index)
    case .uint32: put(UInt32(value), index)
    case .uint16: put(UInt16(value), index)
    default: put(UInt8(value), index)
    }
  }

  func get(_ index: Int) -> Double {
    switch element {
    case .float64: at(index, Double.self)
    case .float32: Double(at(index, Float.self))
    case .float16: Double(at(index, Float16.self))
    case .bfloat16: Double(Float(bitPattern: UInt32(at(index, UInt16.self)) << 16))
    case .int64: Double(at(index, Int64.self))
    case .int32: Double(at(index, Int32.self))
    case .int16: Double(at(index, Int16.self))
    case .int8: Double(at(index, Int8.self))
    case .uint64: Double(at(index, UInt64.self))
    case .uint32: Double(at(index, UInt32.self))
    case .uint16: Double(at(index, UInt16.self))
    default: Double(at(index, UInt8.self))
    }
  }

  private func put<Value>(_ value: Value, _ index: Int) {
    memory.storeBytes(of: value, toByteOffset: index * MemoryLayout<Value>.size, as: Value.self)
  }

  func at<Value: BitwiseCopyable>(_ index: Int, _ type: Value.Type) -> Value {
    memory.load(fromByteOffset: index * MemoryLayout<Value>.size, as: type)
  }

  static func bfloat16(_ value: Float) -> Float {
    guard !value.isNaN else { return value }
    let (bits, kept) = (value.bitPattern, value.bitPattern & 0xFFFF_0000)
    let (rest, odd) = (bits & 0xFFFF, (bits >> 16) & 1)
    let up = rest > 0x8000 || (rest == 0x8000 && odd == 1)
    return Float(bitPattern: up ? kept + 0x10000 : kept)
  }

  /// A number as the element type holds it.
  static func rounded(_ value: Double, _ element: ElementType) -> Double {
    switch element {
    case .float32: Double(Float(value))
    case .float16: Double(Float16(Float(value)))
    case .bfloat16: Double(bfloat16(Float(value)))
    default: value
    }
  }
}

/// A pool and a compiler, and regions run on them.
struct Machine {
  let pool: ThreadPool
  let compiler: KernelCompiler

  init(threads: Int = 2, library: KernelLibrary? = nil) throws {
    pool = try ThreadPool(threadCount: threads)
    compiler = try KernelCompiler(pool: pool, library: library)
  }

  func source(
    _ region: Region, _ operands: [Numbers], shared: [Int: Int] = [:]
  ) throws -> KernelSource {
    let types = operands.map { Type($0.element, [$0.count]) }
    return try compiler.source(region, operandTypes: types, sharedBuffers: shared)
  }

  func run(
    _ kernel: KernelFunction, _ region: Region, _ operands: [Numbers], shared: [Int: Int] = [:]
  ) -> [Numbers] {
    let results = region.resultTypes.enumerated().map { index, type in
      shared[index].map { operands[$0] }
        ?? Numbers(type.element, Array(repeating: 0, count: type.elementCount))
    }
    let buffers = (operands + results).map { Optional($0.memory) }
    pool.run(kernel, buffers, count: region.parallel.reduce(1, *))
    return results
  }

  func run(
    _ region: Region, _ operands: [Numbers], shared: [Int: Int] = [:]
  ) throws -> [Numbers] {
    let kernel = try compiler.compile([source(region, operands, shared: shared)])[0]
    return run(kernel, region, operands, shared: shared)
  }
}

/// Whether two numbers are the same, or differ by a few units in the last place of the type.
func isClose(_ value: Double, _ exact: Double, _ element: ElementType, units: Double) -> Bool {
  let expected = Numbers.rounded(exact, element)
  if expected.isNaN || value.isNaN { return expected.isNaN && value.isNaN }
  if expected == value { return true }
  guard expected.isFinite, value.isFinite else { return false }
  let digits: Double =
    switch element {
    case .float64: 0x1p-52
    case .float32: 0x1p-23
    case .float16: 0x1p-10
    default: 0x1p-7
    }
  let smallest = element == .float16 ? 0x1p-14 : element == .float64 ? 0x1p-1022 : 0x1p-126
  let unit = max(abs(expected), smallest).binade * digits
  return abs(value - exact) <= units * unit
}

/// Numbers without a pattern, the same in every run.
func scrambled(_ count: Int, from low: Double = -1, to high: Double = 1) -> [Double] {
  (0..<count).map { index in
    let bits = (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
    return low + (high - low) * Double((bits ^ (bits >> 29)) >> 11) * 0x1p-53
  }
}
