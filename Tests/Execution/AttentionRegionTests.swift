import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Attention as one region, and its gradient, are their bodies: for sequences of several tiles of 64,
/// with less than a tile at the end, in every element type, with units for narrow floats and without.
@Suite struct AttentionRegionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let queries: Int
    let keys: Int
    let mask: AttentionMask
    var hasSegments = false
    var width = 5
    var testDescription: String {
      "\(queries) by \(keys), \(mask), width \(width)\(hasSegments ? ", segments" : "")"
    }

    /// A sequence on itself.
    static func own(
      _ length: Int, _ mask: AttentionMask, hasSegments: Bool = false, width: Int = 6
    ) -> Case {
      Case(queries: length, keys: length, mask: mask, hasSegments: hasSegments, width: width)
    }
  }

  static let cases: [Case] = [
    .own(1, .causal), .own(7, .causal), .own(64, .causal), .own(65, .causal, width: 5),
    .own(130, .causal), .own(257, .causal, width: 34),
    Case(queries: 130, keys: 70, mask: .none), Case(queries: 130, keys: 70, mask: .none, width: 6),
    Case(queries: 3, keys: 129, mask: .none, width: 2),
    Case(queries: 67, keys: 131, mask: .causal, width: 8),
    .own(7, .window(length: 1)), .own(65, .window(length: 3)), .own(193, .window(length: 1)),
    .own(200, .window(length: 64)), .own(200, .window(length: 65), width: 5),
    .own(193, .window(length: 66), width: 18), .own(131, .window(length: 500)),
    .own(7, .none, hasSegments: true), .own(200, .causal, hasSegments: true),
    .own(193, .none, hasSegments: true, width: 5),
    .own(195, .window(length: 70), hasSegments: true),
  ]

  private static let tolerances: [ElementType: Double] = [
    .float64: 1e-12, .float32: 1e-5, .float16: 4e-3, .bfloat16: 2e-2,
  ]

  /// - Parameter sums: The element type of the gradients.
  private func program(_ test: Case, _ element: ElementType, sums: ElementType?) throws -> Program {
    let (query, key) = ([1, test.queries, 2, test.width], [1, test.keys, 2, test.width])
    let inputs = [("q", query), ("k", key), ("v", key), ("g", query)].map {
      EntryInput(name: $0, type: Type(element, $1))
    }
    var program = Program()
    try program.trace(.step, inputs: inputs, parameters: []) { x in
      let attention = Attention(scale: 0.7, mask: test.mask, hasSegments: test.hasSegments)
      let segments = test.hasSegments ? [documents(x[0])] : []
      let all = x[0].applyAll(attention, [x[1], x[2]] + segments)
      let gradients = x[0].applyAll(
        AttentionGradient(attention: attention, element: sums),
        [x[1], x[2], all[0], all[1], x[3]] + segments)
      return (all + gradients).enumerated().map { ("result\($0)", $1) }
    }
    return program
  }

  /// Documents of 90 positions each, as the segments of queries.
  private func documents(_ query: Tensor) -> Tensor {
    let positions = query.sum([2, 3]).indices(along: 1)
    return [90.0, 180].reduce(positions * 0) { found, start in
      let isLater = positions.compare(.greaterOrEqual, positions * 0 + start)
      return isLater.select(found + 1, found)
    }
  }

  private func check(
    _ test: Case, _ element: ElementType, sums: ElementType? = nil, on device: CPUDevice
  ) throws {
    let testCase = ProgramCase(
      try program(test, element, sums: sums), calls: [.step], seed: 31)
    let lowered = try testCase.program.applying(Program.lowering(Strategy(), for: device))
    let plan = try Plan(lowered, for: device)
    let operations = plan.segments.flatMap(\.instructions).map(\.operation)
    #expect(!operations.contains { $0 is Contraction })
    let expected = try testCase.interpreted(testCase.program)
    let found = try testCase.executed(plan, on: device)
    let tolerance = try #require(Self.tolerances[element])
    #expect(expected.differences(from: found, tolerance: tolerance) == [])
  }

  @Test(arguments: [ElementType.float64, .float32, .float16, .bfloat16])
  func theRegionIsTheBody(_ element: ElementType) throws {
    let device = try CPUDevice(threadCount: 2, narrowUnits: [])
    for test in Self.cases { try check(test, element, on: device) }
  }

  /// With units for bfloat16, if the processor has them.
  @Test(arguments: [nil, ElementType.float32])
  func theRegionInPairsIsTheBody(_ sums: ElementType?) throws {
    let device = try CPUDevice(threadCount: 2)
    for test in Self.cases { try check(test, .bfloat16, sums: sums, on: device) }
  }

  /// What a parallel iteration keeps fits a thread's stack, for the widest heads that become a region.
  @Test(arguments: [ElementType.float64, .float32, .float16, .bfloat16])
  func theWidestHeadsFitAThread(_ element: ElementType) throws {
    for device in [try CPUDevice(threadCount: 1), try CPUDevice(threadCount: 1, narrowUnits: [])] {
      let program = try program(.own(170, .causal, width: 256), element, sums: nil)
      let plan = try Plan(program.applying(Program.lowering(Strategy(), for: device)), for: device)
      for instruction in plan.segments.flatMap(\.instructions) {
        let region = try #require(instruction.operation as? Region)
        _ = try device.compiler.source(region, operandTypes: instruction.operandTypes)
      }
    }
  }

  /// A window leaves out scores that are not numbers.
  @Test func whatIsNotSeenNeedNotBeNumbers() throws {
    let device = try CPUDevice(threadCount: 2)
    let inputs = ["q", "k", "v"].map { EntryInput(name: $0, type: Type(.float32, [1, 200, 1, 4])) }
    var program = Program()
    try program.trace(.step, inputs: inputs, parameters: []) { x in
      [("result", x[0].attention(key: x[1], value: x[2], mask: .window(length: 10)))]
    }
    let plan = try Plan(program.applying(Program.lowering(Strategy(), for: device)), for: device)
    let executor = try Executor(plan, on: device)
    var keys = Array(repeating: 1.0, count: 800)
    for place in 0..<160 { keys[place] = .nan }
    let ones = HostArray(.float32, [1, 200, 1, 4], Array(repeating: 1.0, count: 800))
    try executor.call(
      .step, [ones.bytes, HostArray(.float32, [1, 200, 1, 4], keys).bytes, ones.bytes])
    let found = try executor.result("result", of: .step)
    #expect((169 * 4..<800).allSatisfy { found[$0].double == 1 })
    #expect(found[0].double.isNaN)
  }
}
