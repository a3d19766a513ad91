import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Testing

/// Arithmetic and conversions of integers against Swift's.
@Suite struct IntegerTests {
  func expected<Value: FixedWidthInteger>(
    _ function: BinaryFunction, _ x: Value, _ y: Value
  ) -> Value? {
    let width = Value.Magnitude(truncatingIfNeeded: y)
    let shift = width < Value.Magnitude(Value.bitWidth) ? Int(width) : Value.bitWidth
    switch function {
    case .add: return x &+ y
    case .subtract: return x &- y
    case .multiply: return x &* y
    case .divide: return y == 0 ? 0 : x.dividedReportingOverflow(by: y).partialValue
    case .remainder: return y == 0 ? 0 : x.remainderReportingOverflow(dividingBy: y).partialValue
    case .maximum: return max(x, y)
    case .minimum: return min(x, y)
    case .and: return x & y
    case .or: return x | y
    case .exclusiveOr: return x ^ y
    case .shiftLeft: return x << shift
    case .shiftRight: return x >> shift
    case .power: return nil
    }
  }

  func check<Value: FixedWidthInteger & BitwiseCopyable>(
    _ element: ElementType, _: Value.Type
  ) throws {
    let machine = try Machine()
    let some: [Value] = [
      0, 1, 2, 3, 7, Value(Value.bitWidth - 1), .max, .max - 1, .min, .min + 1, 0 &- 1, 0 &- 5, 100,
    ]
    let left = some.flatMap { x in some.map { _ in x } }
    let right = some.flatMap { _ in some }
    let operands = [left, right].map { values in
      let numbers = Numbers(element, Array(repeating: 0, count: values.count))
      numbers.memory.assumingMemoryBound(to: Value.self).update(from: values, count: values.count)
      return numbers
    }
    for function in BinaryFunction.allCases where function != .power {
      let region = SampleRegions.pairs(left.count, element) { .binary(function, $0, $1) }
      let result = try machine.run(region, operands)[0]
      for index in left.indices {
        let value = result.at(index, Value.self)
        let right = right[index]
        #expect(
          value == expected(function, left[index], right),
          "\(function) of \(left[index]) and \(right) in \(element)")
      }
    }
  }

  @Test func int64() throws { try check(.int64, Int64.self) }
  @Test func int32() throws { try check(.int32, Int32.self) }
  @Test func int8() throws { try check(.int8, Int8.self) }
  @Test func uint64() throws { try check(.uint64, UInt64.self) }
  @Test func uint16() throws { try check(.uint16, UInt16.self) }

  @Test func conversionsBetweenAllTypes() throws {
    let machine = try Machine()
    let types = ElementType.allCases.filter { $0.byteCount > 1 || !$0.isFloatingPoint }
    for from in types {
      let values: [Double] = from == .bool ? [0, 1, 1, 0] : [0, 1, 100, 37]
      let inputs = Numbers(from, values)
      let regions = types.map { to in
        SampleRegions.elementwise(4, from, to: to) { .convert($0) }
      }
      let kernels = try machine.compiler.compile(regions.map { try machine.source($0, [inputs]) })
      for ((to, region), kernel) in zip(zip(types, regions), kernels) {
        let wanted = to == .bool ? values.map { $0 == 0 ? 0 : 1 } : values
        #expect(machine.run(kernel, region, [inputs])[0].values == wanted, "\(from) to \(to)")
      }
    }
  }

  @Test func floatsSaturate() throws {
    let machine = try Machine()
    let inputs = Numbers(.float32, [.nan, .infinity, -.infinity, 1e20, -1e20, 2.9, -2.9, -0.5])
    func convert(_ to: ElementType) throws -> [Double] {
      try machine.run(SampleRegions.elementwise(8, .float32, to: to) { .convert($0) }, [inputs])[0]
        .values
    }
    #expect(try convert(.int8) == [0, 127, -128, 127, -128, 2, -2, 0])
    #expect(try convert(.uint16) == [0, 65535, 0, 65535, 0, 2, 0, 0])
    let highest = Double(Int32.max)
    #expect(try convert(.int32) == [0, highest, -highest - 1, highest, -highest - 1, 2, -2, 0])
    #expect(try convert(.bool) == [1, 1, 1, 1, 1, 1, 1, 1])
  }

  @Test func narrowFloatsRoundToNearestEven() throws {
    let machine = try Machine()
    let values = scrambled(999, from: -300, to: 300) + [1.00390625, 1.01171875, .infinity, .nan]
    let inputs = Numbers(.float32, values)
    for to in [ElementType.bfloat16, .float16] {
      let region = SampleRegions.elementwise(values.count, .float32, to: to) { .convert($0) }
      let result = try machine.run(region, [inputs])[0].values
      for (x, y) in zip(inputs.values, result) {
        let wanted = Numbers.rounded(x, to)
        #expect(wanted == y || (wanted.isNaN && y.isNaN), "\(x) in \(to)")
      }
    }
  }
}
