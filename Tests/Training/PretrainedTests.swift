import DeepEPElements
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Foundation
import Testing

/// A run begins with what another one has learned, and with nothing else of it.
@Suite struct PretrainedTests {
  private struct Classifier: Module {
    let input: Linear, norm: BatchNorm, out: Linear
    let drop = Dropout(0.2)

    init(width: Int = 8) {
      (input, norm, out) = (Linear(5, width), BatchNorm(width), Linear(width, 3))
    }

    func callAsFunction(_ x: Tensor) -> Tensor { out(drop(norm(input(x)).gelu())) }
  }

  private func data() -> ArrayLoader {
    var loader = ArrayLoader.random(seed: 8, examples: 24, batchSize: 4, input: [5], classes: 3)
    loader.validationBatchCount = 3
    return loader
  }

  private func trainer(
    seed: UInt64, width: Int = 8, emaDecay: Double? = nil
  ) throws -> DistributedTrainer<Classifier> {
    try DistributedTrainer(
      model: Classifier(width: width), optimizer: .adamW(learningRate: 0.05), seed: seed,
      emaDecay: emaDecay, threads: 1)
  }

  private func withFile(_ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("deepep-\(UUID())")
      .path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  /// Weights and running statistics are those of the checkpoint, averages begin there; the optimizer, the step, the
  /// position and random draws are the new run's own.
  @Test func itBeginsWithTheHeldOutLossOfTheCheckpoint() throws {
    try withFile { path in
      let first = try trainer(seed: 1, emaDecay: 0.5)
      for _ in 0..<4 { _ = try first.start(data()).step(data()) }
      try first.save(to: path)
      let (before, loss) = (
        try Data(contentsOf: URL(fileURLWithPath: path)), try first.evaluate(data())
      )

      let second = try trainer(seed: 2, emaDecay: 0.9)
      try second.load(Checkpoint(path))
      #expect(try loss != nil && second.evaluate(data()) == loss)
      #expect(try second.evaluate(data(), byAverages: true) == loss)
      let session = try second.start(data())
      #expect(second.step == 0 && session.dataPosition == 0)
      for slot in session.program.slots where slot.kind == .optimizer {
        #expect(try session.numbers(of: slot.name).allSatisfy { $0 == 0 }, "\(slot.name)")
      }
      let seeds = try [session, first.start(data()), trainer(seed: 2).start(data())].map {
        try $0.numbers(of: "random.seed")
      }
      #expect(seeds[0] == seeds[2] && seeds[0] != seeds[1])
      try second.fit(data(), steps: 2)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    }
  }

  @Test func aCheckpointOfAnotherModelIsNamed() throws {
    try withFile { path in
      let first = try trainer(seed: 1)
      _ = try first.start(data())
      try first.save(to: path)
      let wide = try trainer(seed: 1, width: 9)
      try wide.load(Checkpoint(path))
      let error = #expect(throws: StorageError.self) { try wide.evaluate(data()) }
      #expect(error?.what.contains("'input.weight' is float32 [8, 5] in the file") == true)
      #expect(error?.place == path)
      let own = #expect(throws: StorageError.self) { try Checkpoint(path).languageModel() }
      #expect(own?.what.contains("does not say which model it is of") == true)
    }
  }

  /// Small matrices of other sizes than the checkpoint says, or of which it says nothing, are added to no weight.
  @Test func adaptedWeightsMustBeWhole() throws {
    try withFile { path in
      let sizes = GPT2Configuration(vocabulary: 7, context: 5, width: 8, layers: 1, heads: 2)
      let adaptation = LowRankAdaptation(rank: 2)
      let inputs = ["ids", "targets"].map { TensorDescription($0, .int32, [1, 5]) }
      let traced = try ProgramBuilder.traced(sizes.model(), .crossEntropy, inputs: inputs)
      func weights(_ rank: Int, _ model: ModelDescription) throws -> [PretrainedTensor] {
        let slots = try LowRankAdaptation(rank: rank).apply(traced).slots
        try Checkpoint.write(
          slots.map { slot in
            TensorToWrite(
              slot.name, .float32, slot.type.shape,
              bytes: Array(repeating: 0, count: slot.type.byteCount))
          },
          state: CheckpointState(step: 1, dataPosition: 0, modelConfiguration: model.json),
          to: path)
        return try Checkpoint(path).weights(named: [])
      }
      let merged = try weights(2, ModelDescription(sizes, adaptation: adaptation))
      #expect(Set(merged.map(\.tensor.name)) == Set(traced.slots.map(\.name)))
      for (rank, model) in [
        (3, ModelDescription(sizes, adaptation: adaptation)), (2, ModelDescription(sizes)),
      ] {
        let error = #expect(throws: StorageError.self) { try weights(rank, model) }
        #expect(error?.what.contains("lora_A.weight") == true, "\(String(describing: error))")
      }
    }
  }
}
