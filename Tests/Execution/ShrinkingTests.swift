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
          // Not of extents, which would be out of range.
          let isTensor = node.types[0].rank > 0
          if isTensor, node.operation as? Binary == Binary(function: function) {
            node.operands.reverse()
          }
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

  /// Leaves zeros beyond extents, whatever should stand there.
  private struct Unfilled: Transform {
    let name = TransformName.bound

    func apply(_ program: Program) throws -> Program {
      program.mapEntries { entry in
        var entry = entry
        entry.graph = entry.graph.mapOperations { operation in
          guard var unbounded = operation as? Unbounded else { return operation }
          unbounded.filling = 0
          return unbounded
        }
        return entry
      }
    }
  }

  @Test func aMistakeBeyondAnExtentIsFoundAndShown() {
    let failures = (0..<120).compactMap { seed in
      RandomProgram(seed: seed, operations: 20, element: .float64).testCase.smallestFailure {
        testCase in
        let expected = try testCase.interpreted(testCase.program)
        let found = try testCase.interpreted(testCase.program.applying([Unfilled()]))
        return expected.differences(from: found, tolerance: 1e-9)
      }
    }
    #expect(failures.count > 3)
    for failure in failures {
      // What has the extent, which takes an argument, two constants and two functions to be in range.
      let types = failure.testCase.program.entries[0].graph.nodes.flatMap(\.types)
      #expect(types.count <= 10 && Set(types.flatMap(\.extents)).count == 1, "\(failure)")
    }
  }

  @Test func aRightTransformIsNot() {
    #expect(failures(.multiply).isEmpty)
  }
}
