import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import DeepEPTransforms
import Testing

/// A mistake is found, and what is printed is small and shows it again.
@Suite struct ShrinkingTests {
  /// Swaps the operands of functions of two numbers, which `subtract` does not survive.
  private struct Swap: Transform {
    let name = TransformName.simplify
    let function: BinaryFunction

    func apply(_ program: Program) throws -> Program {
      program.mapEntries { entry in
        var (result, graph) = (entry, Graph())
        for var node in entry.graph.nodes {
          if node.operation as? Binary == Binary(function: function) { node.operands.reverse() }
          graph.append(node)
        }
        result.graph = graph
        return result
      }
    }
  }

  private func problems(_ testCase: ProgramCase, _ function: BinaryFunction) throws -> [String] {
    let expected = try testCase.interpreted(testCase.program)
    let found = try testCase.interpreted(testCase.program.applying([Swap(function: function)]))
    return expected.differences(from: found, tolerance: 1e-9)
  }

  private func failures(_ function: BinaryFunction) -> [ProgramCase.Failure] {
    (0..<60).compactMap { seed in
      RandomProgram(seed: seed, operations: 20, element: .float64).testCase.smallestFailure {
        try problems($0, function)
      }
    }
  }

  @Test(arguments: [BinaryFunction.subtract, .divide, .remainder])
  func aBrokenTransformIsFoundAndShown(_ function: BinaryFunction) throws {
    let failures = failures(function)
    #expect(failures.count > 3)
    for failure in failures {
      let small = failure.testCase
      // The two operands, the function, and what the operands need to exist.
      #expect(small.program.entries.count == 1 && small.calls.count == 1, "\(failure)")
      #expect(small.program.entries[0].graph.nodes.count <= 5, "\(failure)")
      let program = try Program(text: "\(small.program)")
      let again = ProgramCase(program, calls: small.calls, seed: small.seed)
      #expect(try problems(again, function) == failure.problems)
    }
  }

  @Test func aRightTransformIsNot() {
    #expect(failures(.multiply).isEmpty)
  }
}
