import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Attention as one region, and its gradient, are their bodies: for sequences of several tiles of 64,
/// with less than a tile at the end, in every element type.
@Suite struct AttentionRegionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let queries: Int
    let keys: Int
    let isCausal: Bool
    var testDescription: String { "\(queries) by \(keys)\(isCausal ? ", causal" : "")" }
  }

  static let cases = [
    Case(queries: 1, keys: 1, isCausal: true), Case(queries: 64, keys: 64, isCausal: true),
    Case(queries: 65, keys: 65, isCausal: true), Case(queries: 130, keys: 130, isCausal: true),
    Case(queries: 130, keys: 70, isCausal: false), Case(queries: 3, keys: 129, isCausal: false),
  ]

  private static let tolerances: [ElementType: Double] = [
    .float64: 1e-12, .float32: 1e-5, .float16: 4e-3, .bfloat16: 2e-2,
  ]

  private func program(_ test: Case, _ element: ElementType) throws -> Program {
    let (query, key) = ([1, test.queries, 2, 5], [1, test.keys, 2, 5])
    let inputs = [("q", query), ("k", key), ("v", key), ("g", query)].map {
      EntryInput(name: $0, type: Type(element, $1))
    }
    var program = Program()
    try program.trace(.step, inputs: inputs, parameters: []) { x in
      let attention = Attention(scale: 0.7, isCausal: test.isCausal)
      let all = x[0].applyAll(attention, [x[1], x[2]])
      let gradients = x[0].applyAll(
        AttentionGradient(attention: attention), [x[1], x[2], all[0], all[1], x[3]])
      return (all + gradients).enumerated().map { ("result\($0)", $1) }
    }
    return program
  }

  @Test(arguments: cases, [ElementType.float64, .float32, .float16, .bfloat16])
  func theRegionIsTheBody(_ test: Case, _ element: ElementType) throws {
    let device = try CPUDevice(threadCount: 2)
    let testCase = ProgramCase(try program(test, element), calls: [.step], seed: 31)
    let plan = try Plan(testCase.program.applying(Program.lowering), for: device)
    let operations = plan.segments.flatMap(\.instructions).map(\.operation)
    #expect(!operations.contains { $0 is Contraction })
    let expected = try testCase.interpreted(testCase.program)
    let found = try testCase.executed(plan, on: device)
    let tolerance = try #require(Self.tolerances[element])
    #expect(expected.differences(from: found, tolerance: tolerance) == [])
  }
}
