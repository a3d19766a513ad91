import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPTensors
import Testing

/// A question about any value of a program, started from any values that are known, has the answer of
/// the interpreter.
@Suite struct QuestionLawTests {
  /// As in ``CompiledLawTests``.
  private static let tolerance = 2e-4

  /// What differs when some values of a random program are asked for.
  private func problems(_ seed: UInt64, _ operations: Int, _ device: CPUDevice) throws -> [String] {
    let program = RandomProgram(seed: seed, operations: operations, element: .float32).testCase
      .program
    let made = ProgramCase(program, calls: [program.entries[0].name], seed: seed)
    let inputs = made.inputs(ofCall: 0)
    let graph = program.entries[0].graph
    let values = try Interpreter.evaluate(graph, inputs: inputs, slots: made.slots)
    var random = RandomSource(seed: seed &+ 7)
    var known: [Value: HostArray] = [:]
    for (index, node) in graph.nodes.enumerated() {
      let isChosen = random.once(in: 8) && node.types.count == 1 && isAsked(node)
      if node.operation is Read || isChosen { known[Value(node: index)] = values[index][0] }
    }
    let evaluator = DeviceEvaluator(on: device, state: SharedState()) { _ in 0 }
    let evaluation = Evaluation(evaluator) { inputs.map(\.bytes) }
    var found: [String] = []
    for _ in 0..<4 {
      let node = random.pick(graph.nodes.indices.filter { isAsked(graph.nodes[$0]) })
      let value = Value(node: node, result: random.below(graph.nodes[node].types.count))
      let question = try Question(value, in: graph, Question.Context(known: known))
      try Program(entries: [question.entry]).verify()
      let expected = values[value.node][value.result]
      for _ in 0..<2 {
        let error = try expected.normwiseError(
          of: evaluation.scope { try evaluation.answer(question) })
        if !(error <= Self.tolerance) { found.append("\(value) is off by \(error)") }
      }
    }
    if evaluator.compilationCount > 4 { found.append("a repetition is compiled again") }
    return found
  }

  /// Whether a node's results are whole numbers in the device's memory, as those of model code are.
  private func isAsked(_ node: Node) -> Bool {
    node.types.allSatisfy { !$0.isBounded && $0.isRowsOnDevice }
  }

  @Test(arguments: 0..<2) func answersAreThoseOfTheInterpreter(_ block: Int) throws {
    let device = try CPUDevice(threadCount: 2)
    for seed in UInt64(block * 20)..<UInt64(block * 20 + 20) {
      let failure = smallestFailure(6 + Int(seed % 20)) { try problems(seed, $0, device) }
      #expect(failure == nil, "seed \(seed)")
    }
  }
}
