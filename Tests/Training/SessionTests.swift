import DeepEPCompute
import DeepEPElements
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Foundation
import Testing

/// What a training run promises beyond its speed.
@Suite struct SessionTests {
  private let configuration = GPT2Configuration(
    vocabulary: 27, context: 16, width: 32, layers: 2, heads: 2)

  private func loader(batch: Int) throws -> TextLoader {
    let sentence = "the quick brown fox jumps over the lazy dog and runs away; "
    let letters = String(repeating: sentence, count: 50)
    let folder = FileManager.default.temporaryDirectory
    let path = folder.appendingPathComponent("deepep-\(UUID()).txt")
    try Data(letters.utf8).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    return try TextLoader(path.path, sequenceLength: 16, batchSize: batch, seed: 3)
  }

  private func session(
    batch: Int, accumulation: Int = 1, threads: Int = 2, sgdLike: Bool = false
  ) throws -> TrainingSession {
    var sizes = configuration
    sizes.vocabulary = try loader(batch: batch).vocabularySize
    let traced = try ProgramBuilder.traced(
      GPT2(sizes), .crossEntropy, inputs: loader(batch: batch).inputs)
    // A large epsilon makes the update linear in the gradient, so that rounding is not amplified.
    let optimizer = AdamW(learningRate: 1e-2, epsilon: sgdLike ? 1 : 1e-8, weightDecay: 0.1)
    let program = try ProgramBuilder(
      optimizer: optimizer, clipNorm: 1, gradientAccumulation: accumulation
    ).completed(traced)
    let session = try TrainingSession(
      program, gradientAccumulation: accumulation, on: CPUDevice(threadCount: threads))
    try session.prepare()
    try session.initialize()
    return session
  }

  private func state(_ session: TrainingSession) throws -> [String: [UInt8]] {
    try Dictionary(
      uniqueKeysWithValues: session.plan.slots.map { slot in
        (slot.name, try session.executor.withSlot(slot.name) { _, bytes in Array(bytes) })
      })
  }

  @Test func theLossFalls() throws {
    let session = try session(batch: 8)
    let loader = try loader(batch: 8)
    let losses = try (0..<40).map { _ in try session.step(loader) }
    #expect(losses[39] < losses[0] - 0.5, "\(losses)")
  }

  @Test(arguments: [1, 2]) func theSameThreadsGiveTheSameBits(threads: Int) throws {
    let loader = try loader(batch: 4)
    let runs = try (0..<2).map { _ -> [String: [UInt8]] in
      let session = try session(batch: 4, threads: threads)
      for _ in 0..<5 { _ = try session.step(loader) }
      return try state(session)
    }
    #expect(runs[0] == runs[1])
  }

  @Test func accumulationEqualsOneLargeBatch() throws {
    let large = try session(batch: 8, sgdLike: true)
    let small = try session(batch: 4, accumulation: 2, sgdLike: true)
    for step in 0..<4 {
      let losses = [try large.step(loader(batch: 8)), try small.step(loader(batch: 4))]
      #expect(abs(losses[0] - losses[1]) < 1e-5, "step \(step): \(losses)")
    }
    #expect(large.dataPosition == small.dataPosition)
  }

  @Test func aRunContinuesBitForBitFromItsCheckpoint() throws {
    let loader = try loader(batch: 4)
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("deepep-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let first = try session(batch: 4)
    for _ in 0..<3 { _ = try first.step(loader) }
    let position = CheckpointState(step: first.step, dataPosition: first.dataPosition)
    try Checkpoint.write(first.tensorsToWrite(), state: position, to: path)
    let second = try session(batch: 4)
    try second.restore(Checkpoint(path))
    for _ in 0..<3 { #expect(try first.step(loader) == second.step(loader)) }
    #expect(try state(first) == state(second))
  }

  @Test func thePlannedPeakIsWhatIsReserved() throws {
    let session = try session(batch: 4)
    #expect(session.plan.peakBytes == session.plan.stateBytes + session.plan.valueBytes)
    let instructions = session.plan.segments.flatMap(\.instructions)
    for instruction in instructions {
      let workspace = instruction.workspace.map { [$0] } ?? []
      for place in instruction.operands + instruction.results + workspace {
        let limit = place.arena == .values ? session.plan.valueBytes : session.plan.stateBytes
        #expect(place.offsetBytes + place.byteCount <= limit)
      }
    }
  }
}

/// Mistakes in what a user passes in are errors that say what to do.
@Suite struct TrainerErrorTests {
  private struct Empty: Module {
    func callAsFunction(_ x: Tensor) -> Tensor { x }
  }

  private struct Wrong: Module {
    let table = Embedding(9, 8)
    let layer = Linear(7, 9)
    func callAsFunction(_ x: Tensor) -> Tensor { layer(table(x)) }
  }

  private func loader() throws -> TextLoader {
    let tokenizer = CharacterTokenizer(text: "abcdefghi")
    let tokens = (0..<400).map { Int32($0 % 9) }
    return try TextLoader(
      tokens: tokens, tokenizer: tokenizer, sequenceLength: 8, batchSize: 2, name: "numbers")
  }

  @Test func aModelWithoutParametersIsAnError() throws {
    let trainer = try DistributedTrainer(model: Empty())
    #expect(throws: TrainingError.self) { try trainer.fit(loader(), steps: 1) }
  }

  @Test func aWrongShapeNamesBothShapesAndTheModule() throws {
    let trainer = try DistributedTrainer(model: Wrong())
    let error = #expect(throws: TraceError.self) { try trainer.fit(loader(), steps: 1) }
    let text = error?.description ?? ""
    #expect(text.contains("float32[2, 8, 8]") && text.contains("float32[9, 7]"), "\(text)")
    #expect(text.contains("layer") && text.contains(".swift:"), "\(text)")
  }

  @Test func aStrategyOfSeveralRanksNeedsThem() throws {
    let trainer = try DistributedTrainer(model: Embedding(9, 9), strategy: Strategy(data: 2))
    let error = #expect(throws: StrategyError.self) { try trainer.fit(loader(), steps: 1) }
    #expect(error?.what == "the strategy needs 2 ranks, there are 1")
    #expect(error?.fix.contains("deepep launch -n 2") == true)
  }

  @Test func anUpdateNeedsABatch() {
    #expect(throws: TrainingError.self) {
      try DistributedTrainer(model: Wrong(), gradientAccumulation: 0)
    }
  }

  @Test func nothingIsSavedBeforeTraining() throws {
    let trainer = try DistributedTrainer(model: Wrong())
    #expect(throws: TrainingError.self) { try trainer.save(to: "nowhere.safetensors") }
  }
}
