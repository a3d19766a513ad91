import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// The law of back ends: what the processor computes is what the interpreter computes.
///
/// In float32, by the norm of the error of each tensor. The tolerance is 2e-4: a unit in the last
/// place is 6e-8, programs have up to some hundred operations, and norms of rows that are nearly
/// constant magnify rounding a hundredfold; mistakes are of the order of one.
@Suite struct CompiledLawTests {
  private static let tolerance = 2e-4

  /// What differs when a random program is compiled.
  private func problems(
    _ seed: UInt64, _ operations: Int, _ devices: [CPUDevice]
  ) throws -> [String] {
    let random = RandomProgram(seed: seed, operations: operations, element: .float32)
    let expected = try random.interpreted(random.program)
    let program = try random.program.applying(Program.lowering)
    for device in devices {
      let plan = try Plan(program, for: device)
      let first = try random.executed(plan, on: device)
      let differences = expected.differences(from: first, tolerance: Self.tolerance)
      if !differences.isEmpty { return ["\(device.pool.threadCount) threads: \(differences)"] }
      let second = try random.executed(plan, on: device)
      if !first.isBitwiseEqual(to: second) { return ["a repetition differs"] }
    }
    return []
  }

  @Test(arguments: 0..<4) func compiledProgramsAgreeWithTheInterpreter(_ block: Int) throws {
    let devices = [try CPUDevice(threadCount: 1), try CPUDevice(threadCount: 2)]
    for seed in UInt64(block * 20)..<UInt64(block * 20 + 20) {
      let failure = smallestFailure(6 + Int(seed % 20)) { try problems(seed, $0, devices) }
      #expect(failure == nil, "seed \(seed)")
    }
  }
}
