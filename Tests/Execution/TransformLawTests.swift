import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import DeepEPTransforms
import Testing

/// The law of transforms: the result does not change.
///
/// In float64 on the interpreter, to 1e-9: rounding is a thousand times smaller, mistakes are larger.
/// Integers and Booleans are equal.
@Suite struct TransformLawTests {
  /// What differs after each transform.
  private func problems(
    _ testCase: ProgramCase, _ lowering: [any Transform] = Program.lowering
  ) throws -> [String] {
    try testCase.program.verify()
    let expected = try testCase.interpreted(testCase.program)
    let isBounded = testCase.program.entries.contains(where: \.isBounded)
    for transforms in isBounded ? [lowering, poisoned(lowering)] : [lowering] {
      var program = testCase.program
      for transform in transforms {
        program = try program.applying([transform])
        let found = try testCase.interpreted(program)
        let differences = expected.differences(from: found, tolerance: 1e-9)
        if !differences.isEmpty { return differences.map { "after \(transform.name): \($0)" } }
      }
    }
    return []
  }

  /// The transforms, with the one that bounds writing what is not a number beyond extents.
  private func poisoned(_ lowering: [any Transform]) -> [any Transform] {
    lowering.map { $0.name == .bound ? Bound(poisons: true) : $0 }
  }

  @Test(arguments: 0..<8) func transformsKeepResultsOfRandomPrograms(_ block: Int) {
    let seeds = UInt64(block * 100)..<UInt64(block * 100 + 100)
    for seed in LawSeeds.of(seeds, usually: 50) {
      let random = RandomProgram(
        seed: seed, operations: 6 + Int(seed % 25), element: .float64)
      #expect(random.mistake == nil, "seed \(seed)")
      if let failure = random.testCase.smallestFailure({ try problems($0) }) {
        Issue.record("\(failure)")
      }
    }
  }

  @Test(arguments: Optimization.allCases)
  func loweringKeepsResultsWithout(_ optimization: Optimization) {
    let lowering = Program.lowering(Strategy(), .all(but: optimization))
    for seed in LawSeeds.of(3000..<3040, usually: 20) {
      let random = RandomProgram(seed: seed, operations: 6 + Int(seed % 25), element: .float64)
      if let failure = random.testCase.smallestFailure({ try problems($0, lowering) }) {
        Issue.record("\(failure)")
      }
    }
  }
}
