import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Testing

/// Gathers, random words, shared buffers, and what is refused.
@Suite struct AccessTests {
  @Test(arguments: [ElementType.int32, .int64, .uint16]) func gathersStayInside(
    _ element: ElementType
  ) throws {
    let (vocabulary, width) = (10, 17)
    let table = Numbers(.float32, (0..<vocabulary * width).map(Double.init))
    let rows: [Double] = element.isSignedInteger ? [0, 9, 3, -5, 10_000] : [0, 9, 3, 0, 10_000]
    let source = Index(
      terms: [IndexTerm(1, stride: 1)], gathers: [GatherTerm(0, limit: vocabulary, stride: width)])
    let region = Region(
      resultTypes: [Type(.float32, [5, width])], parallel: [5, width],
      body: [
        .define(0, element, .load(Access(.operand(0), SampleRegions.index((0, 1))))),
        .define(1, .float32, .load(Access(.operand(1), source))),
        .store(Access(.result(0), SampleRegions.index((0, width), (1, 1))), 1),
      ])
    let result = try Machine().run(region, [Numbers(element, rows), table])[0].values
    for (row, wanted) in [0, 9, 3, 0, 9].enumerated() {
      for column in 0..<width {
        #expect(result[row * width + column] == Double(wanted * width + column))
      }
    }
  }

  @Test func randomWords() throws {
    func mix(_ start: UInt64) -> UInt64 {
      var z = start
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    let golden: UInt64 = 0x9E37_79B9_7F4A_7C15
    let region = Region(
      resultTypes: [Type(.uint64, [100])], parallel: [100],
      body: [
        .define(0, .uint64, .load(Access(.operand(0), Index()))),
        .define(1, .int64, .index(Index(offset: 5, terms: [IndexTerm(0, stride: 3)]))),
        .define(2, .uint64, .random(key: 0, number: 1)),
        .store(Access(.result(0), SampleRegions.index((0, 1))), 2),
      ])
    let result = try Machine().run(region, [Numbers(.uint64, [12345])])[0]
    let stream = mix(12345 &* golden)
    for index in 0..<100 {
      let position = UInt64(5 + 3 * index)
      #expect(result.at(index, UInt64.self) == mix(stream &+ (position &+ 1) &* golden))
    }
  }

  @Test func resultOverwritesOperand() throws {
    let inputs = Numbers(.float32, (0..<77).map(Double.init))
    let region = SampleRegions.elementwise(77, .float32) { .unary(.negate, $0) }
    _ = try Machine().run(region, [inputs], shared: [0: 0])
    #expect(inputs.values == (0..<77).map { -Double($0) })
  }

  @Test func sameRegionSameText() throws {
    let machine = try Machine()
    let inputs = Numbers(.float32, [1])
    let texts = try (0..<2).map { _ in
      try machine.source(SampleRegions.softmax(rows: 1, columns: 1), [inputs])
    }
    #expect(texts[0] == texts[1])
    let other = try machine.source(SampleRegions.softmax(rows: 2, columns: 1), [inputs])
    #expect(try machine.compiler.compile(texts + [other]).count == 3)
  }

  @Test func refusals() throws {
    let machine = try Machine()
    let narrow = SampleRegions.elementwise(1, .float8e4m3) { .unary(.negate, $0) }
    #expect(throws: KernelError.self) { try machine.source(narrow, [Numbers(.uint8, [1])]) }
    let large = SampleRegions.columnSums(rows: 1, columns: 300_000, block: 300_000)
    #expect(throws: KernelError.self) { try machine.source(large, [Numbers(.float32, [1])]) }
    let typed = SampleRegions.elementwise(1, .float32, to: .int32) { .unary(.negate, $0) }
    #expect(throws: KernelError.self) { try machine.source(typed, [Numbers(.float32, [1])]) }
  }
}
