import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Reductions and movement of every element type, compiled, against the interpreter: bit for bit for
/// integers, which do not round.
@Suite struct ElementTypeTests {
  private func compiled(_ program: Program, _ input: HostArray) throws -> [String: HostArray] {
    let device = try CPUDevice(threadCount: 2)
    let plan = try Plan(program.applying(Program.lowering), for: device)
    let executor = try Executor(plan, on: device)
    try executor.call(.step, [input.bytes])
    var results: [String: HostArray] = [:]
    for name in program.entries[0].results.map(\.name) {
      results[name] = try executor.result(name, of: .step)
    }
    return results
  }

  private func numbers(_ element: ElementType) -> HostArray {
    var random = RandomSource(seed: 9)
    let numbers = (0..<3 * 5 * 4).map { _ in
      element.isFloatingPoint
        ? random.unit()
        : Double(random.below(element == .bool ? 2 : 100)) - (element.isSignedInteger ? 50 : 0)
    }
    return HostArray(element, [3, 5, 4], numbers)
  }

  /// Reduces over the first, the last, and the outer dimensions: three kinds of loops.
  private func reductions(_ element: ElementType) throws -> Program {
    var lines = ["entry step", "argument x : \(element)[3, 5, 4]"]
    lines.append(
      "%0 = input() {\"index\":0,\"type\":\"\(element)[3, 5, 4]\"} : \(element)[3, 5, 4]")
    let kinds = [("[0]", "[5, 4]"), ("[2]", "[3, 5]"), ("[0, 2]", "[5]"), ("[0, 1, 2]", "[]")]
    var returns: [String] = []
    for reduction in Reduction.allCases {
      for (dimensions, shape) in kinds {
        let node = "%\(lines.count - 2)"
        lines.append(
          "\(node) = reduce(%0) {\"dimensions\":\(dimensions),\"reduction\":\"\(reduction)\"} : \(element)\(shape)"
        )
        returns.append("return \(reduction)\(returns.count) \(node)")
      }
    }
    return try Program(text: (lines + returns).joined(separator: "\n"))
  }

  @Test(arguments: [
    ElementType.float64, .float32, .int64, .int32, .int16, .int8, .uint64, .uint32, .uint16, .uint8,
  ]) func reductionsOfEveryTypeAreTheInterpreters(_ element: ElementType) throws {
    let program = try reductions(element)
    let input = numbers(element)
    var interpreter = try Interpreter(program)
    let expected = try interpreter.call(.step, [input])
    let found = try compiled(program, input)
    var lowered = try Interpreter(program.applying(Program.lowering))
    let fused = try lowered.call(.step, [input])
    for (name, value) in expected {
      let error = try value.normwiseError(of: #require(found[name]))
      #expect(error <= (element.isFloatingPoint ? 1e-6 : 0), "\(name)")
      #expect(try value.normwiseError(of: #require(fused[name])) <= 1e-6, "\(name) fused")
    }
  }
}
