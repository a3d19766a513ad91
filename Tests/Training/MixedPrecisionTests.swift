import DeepEPCompute
import DeepEPElements
import DeepEPLaws
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Foundation
import Testing

/// Training in narrow floats goes where training in float32 goes.
@Suite struct MixedPrecisionTests {
  /// Sentences of a small grammar, so that there is something to learn and something to guess.
  private static let text: String = {
    var random = RandomSource(seed: 21)
    let nouns = ["fox", "dog", "owl", "cat", "whale", "child"]
    let verbs = ["sees", "chases", "finds", "paints", "forgets"]
    let places = ["at night", "by the sea", "in a small town", "again and again"]
    return (0..<900).map { _ in
      "the \(random.pick(nouns)) \(random.pick(verbs)) a \(random.pick(nouns)) "
        + "\(random.pick(places)).\n"
    }.joined()
  }()

  private func loader() throws -> TextLoader {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("deepep-\(UUID()).txt")
    try Data(Self.text.utf8).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    return try TextLoader(path.path, sequenceLength: 32, batchSize: 8, seed: 3)
  }

  private func program(
    _ loader: TextLoader, scaling: LossScaling? = nil, accumulation: Int = 1
  ) throws -> Program {
    let model = GPT2(
      GPT2Configuration(
        vocabulary: loader.vocabularySize, context: 32, width: 48, layers: 2, heads: 3))
    let traced = try ProgramBuilder.traced(model, .crossEntropy, inputs: loader.inputs)
    return try ProgramBuilder(
      optimizer: AdamW(
        learningRate: 3e-3, schedule: .cosine(warmup: 20, total: 300, floor: 0.1),
        weightDecay: 0.1), clipNorm: 1, gradientAccumulation: accumulation, lossScaling: scaling
    ).completed(traced)
  }

  private func session(
    _ precision: Precision, _ loader: TextLoader, scaling: LossScaling? = nil,
    units: Set<ElementType>? = nil
  ) throws -> TrainingSession {
    let session = try TrainingSession(
      program(loader, scaling: scaling), strategy: Strategy(precision: precision),
      on: CPUDevice(threadCount: 2, narrowUnits: units))
    try session.prepare()
    try session.initialize()
    return session
  }

  /// The losses of 300 steps, and the loss on held-out text at the end.
  private func run(
    _ session: TrainingSession, _ loader: TextLoader
  ) throws -> (losses: [Double], held: Double) {
    let losses = try (0..<300).map { _ in try session.step(loader) }
    return (losses, try #require(try session.evaluate(loader)))
  }

  /// Held-out losses within one percent, and curves that lie on one another.
  @Test func lossesAreThoseOfFloat32() throws {
    let loader = try loader()
    let reference = try run(session(.float32, loader), loader)
    #expect(reference.held < 0.75 * reference.losses[20])
    let others = [
      ("bf16", try session(.bfloat16, loader)),
      ("bf16 without units", try session(.bfloat16, loader, units: [])),
      ("fp16", try session(.float16, loader, scaling: LossScaling())),
    ]
    for (name, session) in others {
      let found = try run(session, loader)
      #expect(abs(found.held / reference.held - 1) < 0.01, "\(name)")
      let means = [reference.losses, found.losses].map { losses in
        stride(from: 0, to: 300, by: 20).map { losses[$0..<$0 + 20].reduce(0, +) / 20 }
      }
      #expect(distance(means[0], means[1]) < 0.03, "\(name)")
    }
  }

  /// Gradients are gathered up over micro-batches in float32.
  @Test func accumulatorsAreFloat32() throws {
    let loader = try loader()
    let losses = try [Precision.float32, .bfloat16].map { precision in
      let session = try TrainingSession(
        program(loader, accumulation: 3), gradientAccumulation: 3,
        strategy: Strategy(precision: precision), on: CPUDevice(threadCount: 2))
      try session.prepare()
      try session.initialize()
      let sums = session.plan.slots.filter { $0.name.hasPrefix("optimizer.gradient/") }
      #expect(sums.count > 20 && sums.allSatisfy { $0.type.element == .float32 })
      return try (0..<40).map { _ in try session.step(loader) }
    }
    #expect(distance(losses[0], losses[1]) < 0.03)
    #expect(losses[0][39] < losses[0][0] - 0.5)
  }

  // MARK: float16

  /// A scale at which gradients overflow: updates are left out until it is small enough.
  @Test func overflowShrinksTheScaleAndHarmsNothing() throws {
    let loader = try loader()
    let session = try session(.float16, loader, scaling: LossScaling(initial: 0x1p60))
    let before = try session.numbers(of: "transformer.wte.weight")
    _ = try session.step(loader)
    #expect(try session.numbers(of: "transformer.wte.weight") == before)
    #expect(try session.numbers(of: "optimizer.loss_scale") == [0x1p59])
    let losses = try (0..<80).map { _ in try session.step(loader) }
    let scale = try session.numbers(of: "optimizer.loss_scale")[0]
    #expect(scale < 0x1p59 && scale >= 1)
    #expect(losses[79] < losses[0] - 0.5)
    let updates = try session.executor.withSlot("optimizer.step") { $1.load(as: Int32.self) }
    #expect(updates > 20 && updates < 81)
    for slot in session.plan.slots {
      #expect(try session.numbers(of: slot.name).allSatisfy(\.isFinite), "\(slot.name)")
    }
  }

  /// The trainer scales the loss of float16 by itself, and of nothing else.
  @Test(arguments: Precision.allCases) func onlyFloat16IsScaled(_ precision: Precision) throws {
    let loader = try loader()
    let model = GPT2(
      GPT2Configuration(
        vocabulary: loader.vocabularySize, context: 32, width: 16, layers: 1, heads: 2))
    let trainer = try DistributedTrainer(model: model, precision: precision, threads: 2)
    let session = try trainer.start(loader)
    let isScaled = session.program.slots.contains { $0.name == "optimizer.loss_scale" }
    #expect(isScaled == (precision == .float16))
    let narrow = session.plan.segments.flatMap(\.instructions).contains {
      $0.operandTypes.contains { $0.element == precision.element }
    }
    #expect(narrow)
    #expect(try session.step(loader).isFinite)
  }

  // MARK: Meshes

  /// Shards of a mesh compute what one rank does, but for rounding to the narrow type.
  @Test(arguments: [
    Strategy(data: 2, precision: .bfloat16), Strategy(tensor: 2, precision: .bfloat16),
    Strategy(data: 2, tensor: 2, sequenceParallel: true, zero: 3, precision: .bfloat16),
  ]) func aMeshTrainsAlike(_ strategy: Strategy) throws {
    let run = try PartitionTests.run(optimizer: SGD(learningRate: 0.1), isWide: false, steps: 20)
    let one = try run.compiled(Strategy(precision: .bfloat16))
    let found = try run.compiled(strategy)
    #expect(one.differences(from: found, tolerance: 1e-2) == [])
    #expect(one.differences(from: found, tolerance: 1e-9) != [])
    #expect(distance(try run.compiled(Strategy()).losses, one.losses) < 0.01)
  }
}
