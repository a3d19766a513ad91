import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import Testing

/// What numbers in fewer bits stand for.
@Suite struct RepresentationTests {
  private func results(_ operation: any Operation, _ operands: HostArray...) throws -> [HostArray] {
    try operation.evaluate(operands, types: operation.resultTypes(of: operands.map(\.type)))
  }

  @Test func blocksOfBytesHaveTheirOwnScale() throws {
    let x = HostArray(.float64, [5], [127, -63.4, 0.5, -254, 0])
    let found = try results(Quantize(element: .int8, block: 2), x)
    #expect(found[0].integers == [127, -63, 0, -127, 0])
    #expect(found[1].doubles == [1, 2, 0])
    let again = try results(Dequantize(element: .float64, block: 2), found[0], found[1])
    #expect(again[0].doubles == [127, -63, 0, -254, 0])
  }

  /// Rounding is off by at most half a step, and steps are a 127th of the largest, or for floats a
  /// power of two below the number.
  @Test(arguments: [
    (ElementType.int8, 0.5 / 127), (.float8e4m3, 1.0 / 16), (.float8e5m2, 1.0 / 8),
  ]) func quantizationIsAsExactAsItsBits(_ element: ElementType, _ tolerance: Double) throws {
    var random = RandomSource(seed: 3)
    let numbers = (0..<6 * 65).map { 100 * random.unit() * Double(1 + $0 / 65) }
    let x = HostArray(.float32, [6, 65], numbers)
    let stored = try results(Quantize(element: element, block: 16), x)
    let again = try results(Dequantize(element: .float32, block: 16), stored[0], stored[1])[0]
    for row in 0..<6 {
      for block in stride(from: 0, to: 65, by: 16) {
        let places = (block..<min(block + 16, 65)).map { row * 65 + $0 }
        let largest = places.map { abs(x.doubles[$0]) }.max() ?? 0
        for place in places {
          let error = abs(x.doubles[place] - again.doubles[place])
          #expect(error <= largest * tolerance * 1.0001, "seed 3, element \(place)")
        }
      }
    }
  }

  @Test(arguments: [ElementType.int8, .float8e4m3, .float8e5m2])
  func whatIsNoNumberComesBackAsSuch(_ element: ElementType) throws {
    for wrong in [Double.nan, .infinity, -.infinity] {
      let x = HostArray(.float32, [4], [1, wrong, 1, 2])
      let stored = try results(Quantize(element: element, block: 2), x)
      let again = try results(Dequantize(element: .float32, block: 2), stored[0], stored[1])[0]
      #expect(!again.doubles[1].isFinite)
      #expect(again.doubles[3] == 2)
    }
  }

  @Test func theGradientByScalesIsTheSumOfABlocksElements() throws {
    let trace = Trace(isRoot: true)
    let elements = trace.apply(
      Constant(type: Type(.int8, [2, 3]), numbers: [1, -2, 3, 4, 5, -6]), [])[0]
    let scales = trace.apply(Constant(type: Type(.float32, [2, 2]), numbers: [1]), [])[0]
    let y = elements.dequantized(scales: scales, block: 2)
    let context = GradientContext(
      operands: [elements, scales], results: [y], gradients: [y.filled(with: 2)])
    let gradient = Dequantize(element: .float32, block: 2).gradient(byOperand: 1, context)
    let value = try #require(gradient?.value)
    let values = try Interpreter.evaluate(trace.graph, inputs: [], slots: [])
    #expect(values[value.node][0].doubles == [-2, 6, 18, -12])
  }

  @Test func theFirstOfEightBooleansIsTheLowestBit() throws {
    let bits = HostArray(
      .bool, [2, 9], [1, 0, 1, 0, 0, 0, 0, 1, 1] + [0, 1, 0, 0, 0, 0, 0, 0, 0])
    let bytes = try results(PackBits(), bits)[0]
    #expect(bytes.shape == [2, 2])
    #expect(bytes.integers == [0b1000_0101, 1, 2, 0])
    #expect(try results(UnpackBits(count: 9), bytes)[0] == bits)
  }

  @Test func bitsOfNumbersAreThoseOfTheirFormat() throws {
    let x = HostArray(.float32, [3], [1, -0.0, -2.5])
    #expect(
      try results(Bitcast(element: .uint32), x)[0].integers
        == [0x3F80_0000, 0x8000_0000, 0xC020_0000])
    let halves = HostArray(.bfloat16, [1], [1])
    #expect(try results(Bitcast(element: .int16), halves)[0].integers == [0x3F80])
  }

  @Test func groupsPastTheLastRowAndRowsPastTheLastGroupAreZero() throws {
    let (x, y) = (
      HostArray(.float64, [3, 1], [1, 2, 3]), HostArray(.float64, [2, 1, 1], [10, 100])
    )
    let few = try results(GroupedDot(), x, HostArray(.int32, [2], [1, 1]), y)[0]
    #expect(few.doubles == [10, 200, 0])
    let many = try results(GroupedDot(), x, HostArray(.int32, [2], [2, 9]), y)[0]
    #expect(many.doubles == [10, 20, 300])
  }

  /// A group's rows are multiplied as a product of two matrices would be: integers wrap.
  @Test(arguments: [ElementType.int8, .int64, .uint16, .float64])
  func aGroupIsAProductOfItsOwn(_ element: ElementType) throws {
    var random = RandomSource(seed: 5)
    let array = { (random: inout RandomSource, shape: [Int]) in
      HostArray(
        element, shape,
        integers: (0..<shape.reduce(1, *)).map { _ in
          element.isFloatingPoint ? Int64(random.below(100)) : Int64(bitPattern: random.next())
        })
    }
    let (x, y, g) = (array(&random, [5, 3]), array(&random, [2, 3, 4]), array(&random, [5, 4]))
    let sizes = HostArray(.int32, [2], [2, 3])
    let whole = try results(GroupedDot(), x, sizes, y)[0]
    let gradient = try results(GroupedDotWeightGradient(), x, sizes, g)[0]
    for (group, rows) in [0..<2, 2..<5].enumerated() {
      let box = { (array: HostArray, starts: [Int], shape: [Int]) in
        try self.results(Slice(starts: starts, sizes: shape), array)[0]
      }
      let own = try box(x, [rows.lowerBound, 0], [rows.count, 3])
      let matrix = try box(y, [group, 0, 0], [1, 3, 4]).reshaped([3, 4])
      let product = try results(Dot(left: [0, 1], right: [1, 2], result: [0, 2]), own, matrix)[0]
      #expect(try box(whole, [rows.lowerBound, 0], [rows.count, 4]) == product)
      let above = try box(g, [rows.lowerBound, 0], [rows.count, 4])
      let weight = try results(Dot(left: [0, 1], right: [0, 2], result: [1, 2]), own, above)[0]
      #expect(try box(gradient, [group, 0, 0], [1, 3, 4]).reshaped([3, 4]) == weight)
    }
  }
}
