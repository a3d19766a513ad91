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

/// A run that stops and continues is the run that did not stop, bit for bit.
@Suite struct ResumeTests {
  /// Dropout, batch norm and a frozen layer in one model.
  private struct Mixed: Module {
    let input: Linear
    let norm: BatchNorm
    let drop = Dropout(0.2)
    let out: Linear

    init(width: Int = 8) {
      (input, norm, out) = (Linear(5, width), BatchNorm(width), Linear(width, 3))
    }

    func callAsFunction(_ x: Tensor) -> Tensor { out(drop(norm(input(x)).gelu())) }
  }

  private func data() -> ArrayLoader {
    .random(seed: 12, examples: 22, batchSize: 4, input: [5], classes: 3)
  }

  private func trainer(
    seed: UInt64 = 1, width: Int = 8, threads: Int = 2, emaDecay: Double? = 0.9,
    accumulation: Int = 2
  ) throws -> DistributedTrainer<Mixed> {
    try DistributedTrainer(
      model: Mixed(width: width), loss: .crossEntropy(ignoring: 2),
      optimizer: .adamW(
        learningRate: 0.05, schedule: .cosine(warmup: 2, total: 9), weightDecay: 0.1),
      gradientAccumulation: accumulation, clipNorm: 0.5, seed: seed, emaDecay: emaDecay,
      lossScaling: LossScaling(initial: 256, growthInterval: 3), threads: threads)
  }

  private func withCheckpoint(_ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("deepep-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private func state(_ trainer: DistributedTrainer<Mixed>) throws -> [String: [UInt8]] {
    let session = try trainer.start(data())
    return try Dictionary(
      uniqueKeysWithValues: session.plan.slots.map { slot in
        (slot.name, try session.executor.withSlot(slot.name) { _, bytes in Array(bytes) })
      })
  }

  /// The trainer that continues has another seed, which only matters for a run that begins.
  @Test(arguments: [1, 2]) func aRunContinuesBitForBit(threads: Int) throws {
    try withCheckpoint { path in
      let straight = try trainer(threads: threads)
      let session = try straight.start(data())
      for _ in 0..<4 { _ = try session.step(data()) }
      try straight.save(to: path)
      let expected = try (0..<5).map { _ in try session.step(data()) }

      let resumed = try trainer(seed: 99, threads: threads)
      try resumed.resume(from: path)
      let second = try resumed.start(data())
      #expect(resumed.step == 4 && second.dataPosition == 32)
      let found = try (0..<5).map { _ in try second.step(data()) }
      #expect(expected == found)
      #expect(try state(straight) == state(resumed))
      #expect(session.dataPosition == second.dataPosition)
    }
  }

  /// A run goes on in another precision: the loss scale comes and goes with float16.
  @Test func aRunContinuesInAnotherPrecision() throws {
    try withCheckpoint { path in
      for (index, precision) in [Precision.float32, .float16, .bfloat16, .float16].enumerated() {
        let trainer = try DistributedTrainer(
          model: Mixed(), optimizer: .adamW(learningRate: 0.01), precision: precision, seed: 1,
          threads: 2)
        if index > 0 { try trainer.resume(from: path) }
        let session = try trainer.start(data())
        #expect(session.step == 2 * index)
        if precision == .float16 {
          #expect(try session.numbers(of: "optimizer.loss_scale") == [65536])
        }
        for _ in 0..<2 { #expect(try session.step(data()).isFinite) }
        try trainer.save(to: path)
      }
    }
  }

  /// Everything that lasts is in the file, and nothing that does not.
  @Test func theCheckpointHasEverything() throws {
    try withCheckpoint { path in
      let trainer = try trainer()
      _ = try trainer.start(data()).step(data())
      try trainer.save(to: path)
      let checkpoint = try Checkpoint(path)
      #expect(
        checkpoint.parameters.map(\.tensor.name).sorted() == [
          "input.bias", "input.weight", "norm.bias", "norm.num_batches_tracked",
          "norm.running_mean", "norm.running_var", "norm.weight", "out.bias", "out.weight",
        ])
      let names = Set(checkpoint.file.tensors.map(\.tensor.name))
      let needed = [
        "ema.norm.weight", "optimizer.first_moment/out.weight", "optimizer.step", "random.seed",
        "optimizer.loss_scale", "optimizer.good_updates",
      ]
      #expect(names.isSuperset(of: needed))
      #expect(
        !names.contains { $0.contains("gradient") || $0.contains("_count") || $0.contains("micro") }
      )
    }
  }

  /// A restored session that had begun an update forgets it.
  @Test func restoringEmptiesTheAccumulators() throws {
    try withCheckpoint { path in
      let trainer = try trainer()
      let session = try trainer.start(data())
      _ = try session.step(data())
      try trainer.save(to: path)
      let expected = try session.step(data())
      let batch = try data().batch(atExample: 0)
      try session.executor.call(.prologue, [batch.array(named: "y").bytes])
      try session.executor.call(.accumulate, batch.arrays.map(\.bytes))
      try trainer.resume(from: path)
      #expect(try session.step(data()) == expected)
    }
  }

  /// Accumulation is how a batch is cut, not part of the state.
  @Test func theAccumulationMayChange() throws {
    try withCheckpoint { path in
      let first = try trainer()
      _ = try first.start(data()).step(data())
      try first.save(to: path)
      let second = try trainer(accumulation: 1)
      try second.resume(from: path)
      #expect(try second.start(data()).step(data()).isFinite)
    }
  }

  @Test func fitMakesTheStepsThatAreLeft() throws {
    try withCheckpoint { path in
      let first = try trainer()
      _ = try first.start(data()).step(data())
      try first.save(to: path)
      let second = try trainer()
      try second.resume(from: path)
      try second.fit(data(), steps: 3)
      #expect(second.step == 3)
    }
  }

  /// A program of one's own is asked to stop after its third step, and goes on from its folder.
  @Test func aRunThatIsAskedToStopGoesOn() throws {
    try withCheckpoint { folder in
      let plan = CheckpointPlan(folder: folder, everySteps: 2, keep: 1)
      let stop = StopRequest()
      let first = try trainer()
      let end = try first.fit(data(), steps: 6, checkpoints: plan, stop: stop) { step in
        if step.step == 3 { stop.ask() }
      }
      #expect(end == .stopped(.call))
      #expect(first.step == 3)
      let names = { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
      #expect(try names() == ["step-3"])
      let second = try trainer()
      try second.resume(from: "\(folder)/step-3")
      #expect(try second.fit(data(), steps: 6, checkpoints: plan) == .finished)
      #expect(try names() == ["step-6"])
      let straight = try trainer()
      try straight.fit(data(), steps: 6)
      #expect(try state(straight) == state(second))
      let other = #expect(throws: StorageError.self) {
        try trainer().fit(data(), steps: 6, checkpoints: plan)
      }
      #expect(other?.what.hasPrefix("another run has been here") == true)
    }
  }

  @Test func checkpointsOfOtherRunsAreErrors() throws {
    try withCheckpoint { path in
      let first = try trainer()
      _ = try first.start(data()).step(data())
      try first.save(to: path)
      let wide = try trainer(width: 9)
      try wide.resume(from: path)
      let error = #expect(throws: StorageError.self) { try wide.start(data()) }
      #expect("\(String(describing: error))".contains("input.weight"))
      let plain = try trainer(emaDecay: nil)
      try plain.resume(from: path)
      #expect(throws: StorageError.self) { try plain.start(data()) }
      #expect(throws: StorageError.self) { try trainer().resume(from: path + ".missing") }
    }
  }
}
