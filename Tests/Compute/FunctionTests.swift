import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Glibc
import Testing

/// Functions of floats against the C library in double precision.
@Suite struct FunctionTests {
  static let floats: [ElementType] = [.float64, .float32, .float16, .bfloat16]
  static let special: [Double] = [
    0, -0.0, 1, -1, 0.5, -0.5, .infinity, -.infinity, .nan, 0x1p-149, 1e-40, -1e-40, 0x1p-126,
    1e-5, -1e-5, 88.5, 88.75, 89, 1000, -87, -88, -95, -103, -104, -110, 9, -9, 4, 0.9999, 1.0001,
    0.35, 0.3466, 0.70710677, 1.4142135, 2.5, -2.5, 3.14159274, 1.57079637, 3e4, 1e30,
  ]

  func reference(_ function: UnaryFunction, _ x: Double) -> Double {
    switch function {
    case .negate: -x
    case .absolute: abs(x)
    case .sign: x > 0 ? 1 : x < 0 ? -1 : x
    case .exponential: exp(x)
    case .logarithm: log(x)
    case .squareRoot: x.squareRoot()
    case .reciprocalSquareRoot: 1 / x.squareRoot()
    case .reciprocal: 1 / x
    case .hyperbolicTangent: tanh(x)
    case .sine: sin(x)
    case .cosine: cos(x)
    case .errorFunction: erf(x)
    case .floor: x.rounded(.down)
    case .not: .nan
    }
  }

  @Test(arguments: floats) func unary(_ element: ElementType) throws {
    let machine = try Machine()
    let inputs = Numbers(
      element, Self.special + scrambled(1500, from: -12, to: 12) + scrambled(500, from: 0, to: 2))
    let functions = UnaryFunction.allCases.filter { $0 != .not }
    let regions = functions.map { function in
      SampleRegions.elementwise(inputs.count, element) { .unary(function, $0) }
    }
    let kernels = try machine.compiler.compile(regions.map { try machine.source($0, [inputs]) })
    for ((function, region), kernel) in zip(zip(functions, regions), kernels) {
      let result = machine.run(kernel, region, [inputs])[0]
      for (x, y) in zip(inputs.values, result.values) {
        let isWave = function == .sine || function == .cosine
        if isWave, abs(x) > 0x1p30, x.isFinite { continue }
        let exact = reference(function, x)
        let words: Comment = "\(function) of \(x): \(y), not \(exact)"
        #expect(isClose(y, exact, element, units: function == .hyperbolicTangent ? 2.5 : 2), words)
      }
    }
  }

  @Test func exponentialLimits() throws {
    let machine = try Machine()
    let inputs = Numbers(.float32, [-.infinity, .infinity, 100, -200, .nan, 0])
    let region = SampleRegions.elementwise(6, .float32) { .unary(.exponential, $0) }
    let values = try machine.run(region, [inputs])[0].values
    #expect(values[0] == 0 && values[1] == .infinity && values[2] == .infinity && values[3] == 0)
    #expect(values[4].isNaN && values[5] == 1)
  }

  func reference(_ function: BinaryFunction, _ x: Double, _ y: Double) -> Double? {
    switch function {
    case .add: x + y
    case .subtract: x - y
    case .multiply: x * y
    case .divide: x / y
    case .remainder: fmod(x, y)
    case .power: pow(x, y)
    case .maximum: x.isNaN || y.isNaN ? .nan : max(x, y)
    case .minimum: x.isNaN || y.isNaN ? .nan : min(x, y)
    default: nil
    }
  }

  @Test(arguments: floats) func binary(_ element: ElementType) throws {
    let machine = try Machine()
    let some: [Double] = [0, 1, -1, 2.5, -3.25, 0.125, 7, .infinity, -.infinity, .nan]
    let left = Numbers(element, some.flatMap { x in some.map { _ in x } })
    let right = Numbers(element, some.flatMap { _ in some })
    for function in BinaryFunction.allCases {
      let region = SampleRegions.pairs(left.count, element) { .binary(function, $0, $1) }
      guard reference(function, 1, 1) != nil else {
        #expect(throws: KernelError.self) { try machine.source(region, [left, right]) }
        continue
      }
      let values = try machine.run(region, [left, right])[0].values
      for (index, value) in values.enumerated() {
        let exact = reference(function, left.get(index), right.get(index)) ?? .nan
        let words: Comment = "\(function) of \(left.get(index)), \(right.get(index)): \(value)"
        #expect(isClose(value, exact, element, units: 1), words)
      }
    }
  }

  @Test(arguments: floats + [.int32, .uint8]) func comparisons(_ element: ElementType) throws {
    let machine = try Machine()
    let some: [Double] = element.isFloatingPoint ? [0, 1, -1, .infinity, .nan] : [0, 1, 2, 100]
    let left = Numbers(element, some.flatMap { x in some.map { _ in x } })
    let right = Numbers(element, some.flatMap { _ in some })
    for comparison in Comparison.allCases {
      let region = SampleRegions.pairs(left.count, element, to: .bool) {
        .compare(comparison, $0, $1)
      }
      let values = try machine.run(region, [left, right])[0].values
      for (index, value) in values.enumerated() {
        let holds = comparison.holds(left.get(index), right.get(index))
        #expect((value == 1) == holds, "\(left.get(index)) \(comparison) \(right.get(index))")
      }
    }
  }
}

extension Comparison {
  func holds(_ x: Double, _ y: Double) -> Bool {
    switch self {
    case .equal: x == y
    case .notEqual: x != y
    case .less: x < y
    case .lessOrEqual: x <= y
    case .greater: x > y
    case .greaterOrEqual: x >= y
    }
  }
}

extension SampleRegions {
  static func pairs(
    _ count: Int, _ element: ElementType, to result: ElementType? = nil,
    _ expression: (Register, Register) -> Expression
  ) -> Region {
    let result = result ?? element
    return Region(
      resultTypes: [Type(result, [count])], parallel: [count],
      body: [
        .define(0, element, .load(Access(.operand(0), index((0, 1))))),
        .define(1, element, .load(Access(.operand(1), index((0, 1))))),
        .define(2, result, expression(0, 1)),
        .store(Access(.result(0), index((0, 1))), 2),
      ])
  }
}
