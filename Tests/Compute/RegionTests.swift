import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Glibc
import Testing

/// Whole regions against plain loops.
@Suite struct RegionTests {
  static let sizes = [1, 7, 65, 257]

  @Test(arguments: sizes, Reduction.allCases) func reductions(
    _ size: Int, _ reduction: Reduction
  ) throws {
    let machine = try Machine()
    let values = scrambled(3 * size, from: 0.5, to: 1.5)
    for element in [ElementType.float32, .float64, .bfloat16, .int32] {
      let inputs = Numbers(element, element == .int32 ? values.map { ($0 * 10).rounded() } : values)
      let region = Self.reduceRows(3, size, element, reduction)
      let result = try machine.run(region, [inputs])[0].values
      for row in 0..<3 {
        let numbers = inputs.values[row * size..<(row + 1) * size]
        let exact = reduction.apply(numbers)
        guard element != .int32 || exact < 1e9 else { continue }
        let tolerance = element == .bfloat16 ? 0.01 : element == .float32 ? 1e-5 : 1e-12
        #expect(abs(result[row] - exact) <= tolerance * abs(exact), "\(element) row \(row)")
      }
    }
  }

  static func reduceRows(
    _ rows: Int, _ columns: Int, _ element: ElementType, _ reduction: Reduction
  ) -> Region {
    var (builder, body) = (RegionBuilder(parallel: 1), [Statement]())
    let result = builder.reduce(&body, extent: columns, element, reduction) { b, s, j in
      let access = Access(.operand(0), SampleRegions.index((0, columns), (j, 1)))
      return b.define(&s, element, .load(access))
    }
    body.append(.store(Access(.result(0), SampleRegions.index((0, 1))), result))
    return Region(resultTypes: [Type(element, [rows])], parallel: [rows], body: body)
  }

  @Test func maximumPassesOnNaN() throws {
    var values = scrambled(100)
    values[37] = .nan
    let region = Self.reduceRows(1, 100, .float32, .maximum)
    #expect(try Machine().run(region, [Numbers(.float32, values)])[0].values[0].isNaN)
  }

  @Test(arguments: sizes) func softmax(_ columns: Int) throws {
    let inputs = Numbers(.float32, scrambled(5 * columns, from: -20, to: 20))
    let region = SampleRegions.softmax(rows: 5, columns: columns)
    let result = try Machine().run(region, [inputs])[0].values
    for row in 0..<5 {
      let range = row * columns..<(row + 1) * columns
      let powers = inputs.values[range].map { exp($0) }
      let sum = powers.reduce(0, +)
      for (value, power) in zip(result[range], powers) {
        #expect(abs(value - power / sum) <= 1e-6 * power / sum + 1e-12)
      }
    }
  }

  @Test func softmaxOfMaskedRow() throws {
    let inputs = Numbers(.float32, [1, -.infinity, 1, -.infinity])
    let region = SampleRegions.softmax(rows: 1, columns: 4)
    #expect(try Machine().run(region, [inputs])[0].values == [0.5, 0, 0.5, 0])
  }

  @Test func layerNorm() throws {
    let columns = 65
    let inputs = Numbers(.float32, scrambled(3 * columns, from: 2, to: 4))
    let (gain, bias) = (scrambled(columns), scrambled(columns, from: 5, to: 6))
    let region = SampleRegions.layerNorm(rows: 3, columns: columns)
    let operands = [inputs, Numbers(.float32, gain), Numbers(.float32, bias)]
    let result = try Machine().run(region, operands)[0].values
    for row in 0..<3 {
      let numbers = inputs.values[row * columns..<(row + 1) * columns]
      let mean = numbers.reduce(0, +) / Double(columns)
      let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
      for (column, x) in numbers.enumerated() {
        let exact = (x - mean) / (variance + 1e-5).squareRoot() * gain[column] + bias[column]
        #expect(abs(result[row * columns + column] - exact) < 1e-5)
      }
    }
  }

  @Test func geluOverTwoParallelLoops() throws {
    let (rows, columns) = (7, 33)
    let inputs = Numbers(.float32, scrambled(rows * columns, from: -4, to: 4))
    let bias = Numbers(.float32, scrambled(columns))
    let region = SampleRegions.gelu(rows: rows, columns: columns, tanh: false)
    let result = try Machine().run(region, [inputs, bias])[0].values
    for (index, value) in result.enumerated() {
      let x = inputs.get(index) + bias.get(index % columns)
      #expect(abs(value - x * 0.5 * (1 + erf(x / 2.0.squareRoot()))) < 2e-6)
    }
  }

  @Test func columnSumsByScratch() throws {
    let (rows, columns, block) = (19, 48, 16)
    let inputs = Numbers(.float32, scrambled(rows * columns))
    let region = SampleRegions.columnSums(rows: rows, columns: columns, block: block)
    let result = try Machine().run(region, [inputs])[0].values
    for column in 0..<columns {
      let exact = (0..<rows).reduce(0) { $0 + inputs.get($1 * columns + column) }
      #expect(abs(result[column] - exact) < 1e-5)
    }
  }

  /// Loops that step through memory as one become one, also beside an inner loop.
  @Test func contiguousParallelLoopsMerge() throws {
    let (a, b, c) = (3, 4, 5)
    let machine = try Machine()
    let inputs = Numbers(.float32, scrambled(a * b * c))
    let at = SampleRegions.index((0, b * c), (1, c), (2, 1))
    let region = Region(
      resultTypes: [Type(.float32, [a, b, c])], parallel: [a, b, c],
      body: [
        .define(0, .float32, .load(Access(.operand(0), at))),
        .define(1, .float32, .unary(.negate, 0)), .store(Access(.result(0), at), 1),
      ])
    let single = SampleRegions.elementwise(a * b * c, .float32) { .unary(.negate, $0) }
    #expect(try machine.source(region, [inputs]) == machine.source(single, [inputs]))
    #expect(try machine.run(region, [inputs])[0].values == inputs.values.map { -$0 })
    var rows = Self.reduceRows(a * b, c, .float32, .sum)
    let whole = try machine.run(rows, [inputs])[0].values
    rows.parallel = [a, b]
    rows.body = Self.rowSumBody(b, c)
    #expect(try machine.run(rows, [inputs])[0].values == whole)
  }

  static func rowSumBody(_ rows: Int, _ columns: Int) -> [Statement] {
    var (builder, body) = (RegionBuilder(parallel: 2), [Statement]())
    let result = builder.reduce(&body, extent: columns, .float32, .sum) { b, s, j in
      let index = SampleRegions.index((0, rows * columns), (1, columns), (j, 1))
      return b.define(&s, .float32, .load(Access(.operand(0), index)))
    }
    return body + [.store(Access(.result(0), SampleRegions.index((0, rows), (1, 1))), result)]
  }

  @Test func threeParallelLoopsTranspose() throws {
    let (a, b, c) = (3, 5, 7)
    let inputs = Numbers(.float32, (0..<a * b * c).map(Double.init))
    let region = Region(
      resultTypes: [Type(.float32, [c, a, b])], parallel: [c, a, b],
      body: [
        .define(
          0, .float32,
          .load(Access(.operand(0), SampleRegions.index((0, 1), (1, b * c), (2, c))))),
        .store(Access(.result(0), SampleRegions.index((0, a * b), (1, b), (2, 1))), 0),
      ])
    let result = try Machine().run(region, [inputs])[0].values
    for index in result.indices {
      let (k, i, j) = (index / (a * b), index / b % a, index % b)
      #expect(result[index] == Double(i * b * c + j * c + k))
    }
  }
}

extension Reduction {
  func apply(_ numbers: some Sequence<Double>) -> Double {
    switch self {
    case .sum: numbers.reduce(0, +)
    case .product: numbers.reduce(1, *)
    case .maximum: numbers.max() ?? -.infinity
    case .minimum: numbers.min() ?? .infinity
    }
  }
}
