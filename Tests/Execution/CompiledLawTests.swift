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
/// By the norm of the error of each tensor. The tolerance of float32 is 2e-4: a unit in the last place
/// is 6e-8, programs have up to some hundred operations, and norms of rows that are nearly constant
/// magnify rounding a hundredfold; mistakes are of the order of one. Integers are equal.
@Suite struct CompiledLawTests {
  private static let tolerances: [ElementType: Double] = [.float32: 2e-4, .float64: 1e-9]

  /// What differs when a random program is compiled.
  private func problems(
    _ testCase: ProgramCase, _ devices: [CPUDevice]
  ) throws -> [String] {
    let expected = try testCase.interpreted(testCase.program)
    let program = try testCase.program.applying(Program.lowering)
    for device in devices {
      let plan = try Plan(program, for: device)
      let first = try testCase.executed(plan, on: device)
      let differences = expected.differences(from: first) { Self.tolerances[$0.element] ?? 0 }
      if !differences.isEmpty {
        return differences.map { "\(device.pool.threadCount) threads: \($0)" }
      }
      let second = try testCase.executed(plan, on: device)
      if !first.isBitwiseEqual(to: second) { return ["a repetition differs"] }
    }
    return []
  }

  private func check(_ seeds: Range<UInt64>, _ element: ElementType) throws {
    let kernels = try KernelLibrary()
    let (one, two) = try (
      CPUDevice(threadCount: 1, kernels: kernels), CPUDevice(threadCount: 2, kernels: kernels)
    )
    let random = seeds.map { seed in
      RandomProgram(seed: seed, operations: 6 + Int(seed % 20), element: element)
    }
    #expect(random.compactMap(\.mistake) == [])
    let cases = random.map(\.testCase)
    let plans = cases.map { testCase in
      try? Plan(testCase.program.applying(Program.lowering), for: two)
    }
    try? two.prepare(plans.compactMap { $0 })
    for (index, testCase) in cases.enumerated() {
      // One thread has loops of its own; a quarter of the programs is enough to see them.
      let devices = index % 4 == 0 ? [two, one] : [two]
      if let failure = testCase.smallestFailure({ try problems($0, devices) }) {
        Issue.record("\(failure)")
      }
    }
  }

  @Test(arguments: 0..<6) func float32AndIntegers(_ block: UInt64) throws {
    try check(LawSeeds.of(block * 50..<block * 50 + 50, usually: 25), .float32)
  }

  @Test(arguments: 0..<3) func float64AndIntegers(_ block: UInt64) throws {
    try check(LawSeeds.of(1000 + block * 50..<1000 + block * 50 + 50, usually: 25), .float64)
  }
}
