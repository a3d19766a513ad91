import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import DeepEPTransforms
import Testing

/// The law of transforms: the result does not change.
///
/// In float64 on the interpreter, to 1e-9: rounding is a thousand times smaller, mistakes are larger.
@Suite struct TransformLawTests {
  /// What differs after each transform of a random program.
  private func problems(_ seed: UInt64, _ operations: Int) throws -> [String] {
    let random = RandomProgram(seed: seed, operations: operations, element: .float64)
    if let mistake = random.mistake { return ["generator: \(mistake)"] }
    try random.program.verify()
    let expected = try random.interpreted(random.program)
    var program = random.program
    for transform in Program.lowering {
      program = try program.applying([transform])
      let found = try random.interpreted(program)
      let differences = expected.differences(from: found, tolerance: 1e-9)
      if !differences.isEmpty { return ["after \(transform.name): \(differences)"] }
    }
    return []
  }

  @Test(arguments: 0..<8) func transformsKeepResultsOfRandomPrograms(_ block: Int) {
    for seed in UInt64(block * 30)..<UInt64(block * 30 + 30) {
      let failure = smallestFailure(6 + Int(seed % 20)) { try problems(seed, $0) }
      #expect(failure == nil, "seed \(seed)")
    }
  }
}
