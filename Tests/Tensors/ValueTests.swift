import DeepEPElements
import DeepEPModels
import DeepEPTensors
import Testing

/// Values that model code asks for, answered by the interpreter.
@Suite struct ValueTests {
  private let x = EntryInput(name: "x", type: Type(.float32, [3]))

  /// Traces code with a batch `[1, 2, 4]` and a parameter that is 10.
  private func traced(
    _ body: (Tensor) -> Tensor, parameter: Parameter = Parameter([], .zeros)
  ) throws -> (program: Program, evaluation: Evaluation) {
    let ten = HostArray(.float32, [], [10])
    let batch = HostArray(.float32, [3], [1, 2, 4])
    let evaluation = Evaluation(InterpreterEvaluator([ObjectIdentifier(parameter): ten])) {
      [batch.bytes]
    }
    var program = Program()
    try program.trace(
      .evaluate, inputs: [x], parameters: [NamedParameter(name: "p", parameter: parameter)],
      evaluation: evaluation
    ) { [("y", body($0[0]))] }
    try program.verify()
    return (program, evaluation)
  }

  @Test func constantsNeedNoDevice() throws {
    #expect(try (Tensor([1, 2]) * 3).sum().scalar() == 9)
    #expect(try Tensor([1.5, -2]).array() == HostArray(.float32, [2], [1.5, -2]))
    #expect(try (Tensor(passing: 3) * 2).scalar() == 6)
    #expect(try Tensor([-2.75]).integer() == -2)
  }

  @Test func batchesAndParametersAreAnswered() throws {
    let parameter = Parameter([], .zeros)
    var seen: [Double] = []
    let found = try traced(
      { x in
        x.attempting { x in
          seen.append(try x.sum().scalar())
          seen.append(try parameter.tensor.scalar())
          seen.append(try (x * parameter).largest().scalar())
          return x
        }
      }, parameter: parameter)
    #expect(seen == [7, 10, 40])
    #expect(found.evaluation.isUsed)
  }

  @Test func codeThatAsksForNothingLeavesNoMark() throws {
    #expect(try !traced { $0 * 2 }.evaluation.isUsed)
  }

  /// The nodes that the interpreter evaluates for a question.
  private final class Counting: Evaluator {
    var nodes: [Int] = []

    func value(of entry: Entry, parameters: [NamedParameter], inputs: [[UInt8]]) throws -> HostArray
    {
      nodes.append(entry.graph.nodes.count)
      return try InterpreterEvaluator().value(of: entry, parameters: parameters, inputs: inputs)
    }
  }

  @Test func questionsHoldOnlyWhatTheyNeedAndStartFromWhatIsKnown() throws {
    let counting = Counting()
    try Evaluation(counting).scope {
      var y = Tensor([1, 2])
      let unused = y.exponential()
      for _ in 0..<5 { y = try (y * y.filled(with: 0.5)).materialized() }
      #expect(try y.array().doubles == [1.0 / 32, 2.0 / 32])
      _ = unused
    }
    // The operand, a constant and the product; the last answer was known already.
    #expect(counting.nodes == [3, 3, 3, 3, 3])
  }

  @Test func passedNumbersAreInputs() throws {
    let found = try traced { x in
      x.attempting { x in x * Tensor(passing: try x.sum().scalar()) + Tensor(passing: [1, 2, 3]) }
    }
    let entry = found.program.entries[0]
    #expect(entry.inputs.map(\.name) == ["x", "evaluate.passed0", "evaluate.passed1"])
    #expect(!entry.graph.nodes.contains { ($0.operation as? Constant)?.numbers == [7] })
    var interpreter = try Interpreter(found.program)
    let passed = found.evaluation.passed.map { input, bytes in
      bytes.withUnsafeBytes { HostArray(input.type.element, input.type.shape, bytes: $0) }
    }
    let batch = HostArray(.float32, [3], [2, 3, 5])
    #expect(try interpreter.call(.evaluate, [batch] + passed)["y"]?.doubles == [15, 23, 38])
  }

  @Test func withoutAnEvaluationPassedNumbersAreConstants() throws {
    var program = Program()
    try program.trace(.evaluate, inputs: [x], parameters: []) {
      [("y", $0[0] * Tensor(passing: 2))]
    }
    #expect(program.entries[0].inputs.count == 1)
  }

  private func problem(_ body: (Tensor) throws -> Tensor) -> String {
    let error = #expect(throws: TraceError.self) { try traced { $0.attempting(body) } }
    return error?.description ?? ""
  }

  @Test func mistakesAreErrorsWithALine() {
    let shape = problem { x in Tensor([try x.scalar()]) }
    #expect(shape.contains("float32[3]") && shape.contains("ValueTests.swift:"), "\(shape)")
    let number = problem { x in Tensor([Double(try (x / x.filled(with: 0)).largest().integer())]) }
    #expect(number.contains("inf is no integer"), "\(number)")
    let poisoned = problem { x in Tensor([try (x + Tensor([1, 2])).sum().scalar()]) }
    #expect(poisoned.contains("float32[2]"), "\(poisoned)")
    #expect(problem { $0 * Tensor(passing: [1], shape: [-3]) }.contains("[-3]"))
    #expect(problem { $0 * Tensor(passing: [1, 2], shape: [3]) }.contains("2 numbers"))
  }

  @Test func nobodyToAskIsAnErrorThatSaysWhatToDo() throws {
    var program = Program()
    let error = #expect(throws: TraceError.self) {
      try program.trace(.evaluate, inputs: [x], parameters: []) { inputs in
        [("y", inputs[0].attempting { x in x * (try x.sum().scalar()) })]
      }
    }
    #expect(error?.description.contains("Device.run") ?? false)
    let parameter = Parameter([2], .ones)
    #expect(throws: TraceError.self) { try parameter.tensor.sum().scalar() }
  }

  @Test func nothingCanBeAskedAfterTheScope() throws {
    let evaluation = Evaluation(InterpreterEvaluator())
    let parameter = Parameter([], .ones)
    evaluation.scope {}
    Evaluation.$current.withValue(evaluation) {
      #expect(throws: TraceError.self) { try parameter.tensor.scalar() }
    }
  }

  @Test func anAnswerIsForgottenInTheNextRun() throws {
    let parameter = Parameter([], .zeros)
    let kept = parameter.tensor * 2
    for value in [1.0, 5] {
      let array = HostArray(.float32, [], [value])
      let evaluator = InterpreterEvaluator([ObjectIdentifier(parameter): array])
      #expect(try Evaluation(evaluator).scope { try kept.scalar() } == 2 * value)
    }
  }

  @Test func structuresDifferWhereComputationsDo() throws {
    let structure = { (body: @escaping (Tensor) -> Tensor) in
      EntryStructure(try traced(body).program.entries[0])
    }
    let first = try structure { $0 * 2 + 1 }
    #expect(try first == structure { $0 * 2 + 1 })
    #expect(try first != structure { $0 * 2 + 3 })
    #expect(try first != structure { $0 * 2 - 1 })
    #expect(try first != structure { ($0 * 2 + 1).reshaped([3, 1]) })
  }
}
