import DeepEPCompute
import DeepEPModels
import DeepEPOptimizers
import DeepEPPlans
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Testing

/// Every optimisation can be left out, and the run stays the same.
@Suite struct AblationTests {
  /// The losses of a few steps, and the plan.
  private func run(_ optimizations: Set<Optimization>) throws -> (losses: [Double], plan: Plan) {
    let loader = CountingLoader()
    let session = try session(loader, optimizations)
    try session.prepare()
    try session.initialize()
    return (try (0..<4).map { _ in try session.step(loader) }, session.plan)
  }

  private func session(
    _ loader: CountingLoader, _ optimizations: Set<Optimization>
  ) throws -> TrainingSession {
    let sizes = GPT2Configuration(vocabulary: 19, context: 12, width: 32, layers: 2, heads: 2)
    let traced = try ProgramBuilder.traced(GPT2(sizes), .crossEntropy, inputs: loader.inputs)
    let program = try ProgramBuilder(optimizer: AdamW(learningRate: 1e-2), clipNorm: 1)
      .completed(traced)
    return try TrainingSession(
      program, on: CPUDevice(threadCount: 2), optimizations: optimizations)
  }

  /// The rate that a run reports counts attention, fused or not; fused, it finds the scores of a layer
  /// twice.
  @Test func contractionsInsideOfAttentionCount() throws {
    let loader = CountingLoader()
    let fused = try session(loader, .all).contractionFlops
    let plain = try session(loader, .all(but: .attention)).contractionFlops
    let (layers, batch, heads, sequence, width) = (2, 3, 2, 12, 16)
    #expect(fused - plain == Double(layers * 2 * batch * heads * sequence * sequence * width))
  }

  @Test(arguments: Optimization.allCases)
  func lossesStayTheSameWithout(_ optimization: Optimization) throws {
    let (expected, whole) = try run(.all)
    let (losses, plan) = try run(.all(but: optimization))
    for (loss, other) in zip(losses, expected) {
      #expect(abs(loss - other) <= 1e-5 * abs(other), "\(losses) against \(expected)")
    }
    switch optimization {
    case .fuse: #expect(plan.instructionCount > whole.instructionCount)
    case .shareMemory: #expect(plan.valueBytes > whole.valueBytes)
    case .updateInPlace: #expect(plan.copyCount > whole.copyCount)
    default: break
    }
  }
}

/// One batch of tokens that go up by odd numbers.
private struct CountingLoader: BatchLoader {
  let batchSize = 3
  let examplesPerEpoch = 3
  let validationBatchCount = 0
  let inputs = ["ids", "targets"].map { TensorDescription($0, .int32, [3, 12]) }

  func batch(atExample position: Int, count: Int) throws -> Batch {
    let tokens = { (shift: Int) in (0..<36).map { Int32(($0 * ($0 / 12 * 2 + 1) + shift) % 19) } }
    return Batch(
      [try BatchArray("ids", [3, 12], tokens(0)), try BatchArray("targets", [3, 12], tokens(1))],
      validCount: 3)
  }

  func validationBatch(_ index: Int) throws -> Batch { try batch(atExample: 0, count: 3) }
}

extension Plan {
  fileprivate var instructionCount: Int { segments.reduce(0) { $0 + $1.instructions.count } }
  fileprivate var copyCount: Int {
    segments.flatMap(\.instructions).count { $0.kernel == "copy" }
  }
}
