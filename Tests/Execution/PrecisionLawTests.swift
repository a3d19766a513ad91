import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// The law of back ends in mixed precision: what the processor computes is what the interpreter
/// computes of the same program, with units for narrow floats and without.
///
/// Where a sum lies between two narrow floats, float32 may round it to the other one, a unit in the
/// last place away; the norm of the error is far below that unit, and a mistake far above.
@Suite struct PrecisionLawTests {
  private static let tolerances: [Precision: Double] = [.bfloat16: 2e-2, .float16: 4e-3]

  private func problems(
    _ testCase: ProgramCase, _ precision: Precision, _ devices: [CPUDevice]
  ) throws -> [String] {
    let lowering = { Program.lowering(Strategy(precision: precision), for: $0) }
    let narrow = lowering(devices[0]).prefix { $0.name != .partition }
    let expected = try testCase.interpreted(testCase.program.applying(Array(narrow)))
    for device in devices {
      let lowered = try testCase.program.applying(lowering(device))
      let found = try testCase.executed(Plan(lowered, for: device), on: device)
      let differences = expected.differences(from: found) {
        $0.element.isFloatingPoint ? Self.tolerances[precision] ?? 0 : 0
      }
      if !differences.isEmpty { return differences }
    }
    return []
  }

  @Test(arguments: [Precision.bfloat16, .float16], 0..<2)
  func randomProgramsAreTheInterpreters(_ precision: Precision, _ block: UInt64) throws {
    let devices = [
      try CPUDevice(threadCount: 2), try CPUDevice(threadCount: 2, narrowUnits: []),
    ]
    let cases = (block * 40..<block * 40 + 40).map { seed in
      RandomProgram(seed: 5100 + seed, operations: 8 + Int(seed % 18), element: .float32).testCase
    }
    let lowering = Program.lowering(Strategy(precision: precision))
    for device in devices {
      let lowering = Program.lowering(Strategy(precision: precision), for: device)
      let plans = cases.compactMap { try? Plan($0.program.applying(lowering), for: device) }
      try? device.prepare(plans)
    }
    var contractions = 0
    for testCase in cases {
      let narrow = try testCase.program.applying(lowering)
      contractions += narrow.narrowContractionCount
      if let failure = testCase.smallestFailure({ try problems($0, precision, devices) }) {
        Issue.record("\(failure)")
      }
    }
    // The programs are about something.
    #expect(contractions > 10)
  }
}

extension Program {
  fileprivate var narrowContractionCount: Int {
    entries.reduce(0) { count, entry in
      count
        + entry.graph.nodes.count { node in
          node.operation is Contraction
            && entry.graph.type(of: node.operands[0]).element.byteCount == 2
        }
    }
  }
}
