import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms
import Testing

/// The law of transforms and of back ends for heads of language models, with logits in chunks of every
/// size.
@Suite struct ChunkLawTests {
  /// A head and its gradients.
  private func head(_ seed: UInt64, _ element: ElementType) throws -> ProgramCase {
    let random = RandomProgram(headOfSeed: seed, element: element)
    #expect(random.mistake == nil, "seed \(seed)")
    let program = try random.program.applying([Gradient()])
    return ProgramCase(program, calls: [.step, .evaluate], seed: seed)
  }

  private func lowering(
    _ seed: UInt64, _ precision: Precision = .float32,
    for target: any Target = MachineTable.twoCores
  ) -> [any Transform] {
    let rowCount = 1 + Int(seed % 9)
    return Program.lowering(Strategy(precision: precision), for: target).map {
      $0.name == .chunk ? Chunk(rowCount: rowCount) : $0
    }
  }

  @Test func chunksKeepResults() throws {
    var chunkedCount = 0
    for seed in 0..<200 as Range<UInt64> {
      let testCase = try head(seed, .float64)
      let expected = try testCase.interpreted(testCase.program)
      var program = testCase.program
      for transform in lowering(seed) {
        let before = program
        program = try program.applying([transform])
        if transform.name == .chunk, program.nodeCount > before.nodeCount { chunkedCount += 1 }
        let found = try testCase.interpreted(program)
        let differences = expected.differences(from: found, tolerance: 1e-9)
        #expect(differences == [], "seed \(seed) after \(transform.name)")
      }
    }
    // The programs are about something.
    #expect(chunkedCount > 120)
  }

  private static let tolerances: [Precision: Double] = [
    .float32: 2e-4, .bfloat16: 3e-2, .float16: 6e-3,
  ]

  /// In mixed precision beside the interpreter of the same program before it is cut into chunks.
  @Test(arguments: [Precision.float32, .bfloat16, .float16], [true, false])
  func compiledChunksAreTheInterpreters(_ precision: Precision, _ hasUnits: Bool) throws {
    let device = try CPUDevice(threadCount: 2, narrowUnits: hasUnits ? nil : [])
    let cases = try LawSeeds.of(300..<340, usually: 16).map { try head($0, .float32) }
    let lowered = try cases.map {
      try $0.program.applying(lowering($0.seed, precision, for: device))
    }
    let plans = try lowered.map { try Plan($0, for: device) }
    try device.prepare(plans)
    for (testCase, plan) in zip(cases, plans) {
      let before = lowering(testCase.seed, precision, for: device).prefix { $0.name != .partition }
      let expected = try testCase.interpreted(testCase.program.applying(Array(before)))
      let found = try testCase.executed(plan, on: device)
      let differences = expected.differences(from: found) {
        $0.element.isFloatingPoint ? Self.tolerances[precision] ?? 0 : 0
      }
      #expect(differences == [], "seed \(testCase.seed)")
    }
  }
}

extension Program {
  fileprivate var nodeCount: Int { entries.reduce(0) { $0 + $1.graph.nodes.count } }
}
