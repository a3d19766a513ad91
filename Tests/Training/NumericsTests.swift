import DeepEPCommunication
import DeepEPElements
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Foundation
import Testing

/// A run whose numbers are not finite any more says where that began; one that does not fit says what is large.
@Suite struct NumericsTests {
  /// Overflows when its input is large.
  private struct Growing: Module {
    let layer = Linear(3, 4)
    let out = Linear(4, 4)
    func callAsFunction(_ x: Tensor) -> Tensor { out(layer(x).exponential()) }
  }

  /// Two good batches, and then one that is too large.
  private func data(_ factor: Float = 1e6) -> ArrayLoader {
    var loader = ArrayLoader.random(seed: 3, examples: 12, batchSize: 4, input: [3], classes: 4)
    let numbers = loader.input.numbers.enumerated().map { $0 < 24 ? $1 : abs($1) * factor + factor }
    loader = ArrayLoader(batchSize: 4, input: ([3], numbers), targets: loader.targets)
    return loader
  }

  private func trainer(debugs: Bool, accumulation: Int = 1) throws -> DistributedTrainer<Growing> {
    try DistributedTrainer(
      model: Growing(), optimizer: .adamW(learningRate: 1e-3), gradientAccumulation: accumulation,
      threads: 1, debugsNumerics: debugs)
  }

  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("deepep-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
  }

  private func error(
    _ folder: String, debugs: Bool, accumulation: Int = 1
  ) throws -> TrainingError? {
    let trainer = try trainer(debugs: debugs, accumulation: accumulation)
    return #expect(throws: TrainingError.self) {
      try trainer.fit(data(), steps: 5, checkpoints: CheckpointPlan(folder: folder))
    }
  }

  @Test func theStepIsNamed() throws {
    try withFolder { folder in
      let error = try error(folder, debugs: false)
      #expect(error?.place == "step 3" && error?.what == "the loss is nan", "\(error?.what ?? "")")
      #expect(error?.fix.contains("learning rate") == true)
      #expect(!FileManager.default.fileExists(atPath: folder))
    }
  }

  @Test(arguments: [(1, 3), (3, 1)])
  func theFirstOperationIsNamedAndRunsAgain(_ accumulation: Int, _ step: Int) throws {
    try withFolder { folder in
      let error = try error(folder, debugs: true, accumulation: accumulation)
      let text = error?.what ?? ""
      #expect(text.contains("the first result that is not finite: float32[4, 4]"), "\(text)")
      #expect(text.contains("exponential") && text.contains("in layer"), "\(text)")
      let path = "\(folder)/capture-step-\(step)"
      #expect(error?.fix.contains("deepep replay \(path)") == true, "\(error?.fix ?? "")")
      let capture = try NumericsCapture(path)
      #expect(capture.problem == text && capture.schedule.microBatchCount == accumulation)
      var replay = try CaptureReplay(capture)
      let report = try replay.run()
      let first = report.firstNonFinite ?? ""
      #expect(report.loss.isNaN && first.contains("float32[4, 4] of 'exponential'"), "\(first)")
      #expect(first.contains("in layer") && first.contains("operand float32[4, 4]"), "\(first)")
      // The state is that before the step: a run goes on from it as from any checkpoint.
      let resumed = try trainer(debugs: false, accumulation: accumulation)
      try resumed.resume(from: path)
      try resumed.fit(data(1), steps: step)
      #expect(resumed.step == step)
    }
  }

  /// The loss of the step is still fine, and the weights after it are not.
  @Test func aStateThatIsNotFiniteIsFoundInItsStep() throws {
    try withFolder { folder in
      let trainer = try DistributedTrainer(
        model: Linear(3, 4), optimizer: .adamW(learningRate: 3e38, weightDecay: 5), threads: 1,
        debugsNumerics: true)
      let error = #expect(throws: TrainingError.self) {
        try trainer.fit(data(1), steps: 5, checkpoints: CheckpointPlan(folder: folder))
      }
      #expect(error?.place == "step 1", "\(String(describing: error))")
      #expect(error?.what.contains(" is not finite: ") == true, "\(error?.what ?? "")")
      #expect(error?.what.contains("(update") == true, "\(error?.what ?? "")")
    }
  }

  /// Under ZeRO one rank alone has the numbers that are not finite: all ranks end, and name it.
  @Test func ranksAgreeOnWhatIsNotFinite() throws {
    try withFolder { folder in
      // What the first four inputs are multiplied by, which the first rank has, never changes.
      let numbers = (0..<32).map { Float($0 % 8 < 4 ? 0 : 100) }
      let data = ArrayLoader(batchSize: 4, input: ([8], numbers), targets: ([], [0, 1, 2, 2]))
      let controls = LocalJobControl.job(hosts: [2])
      let errors = try LocalGroup.run(rankCount: 2) { thread in
        let trainer = try DistributedTrainer(
          model: Linear(8, 4), optimizer: SGD(learningRate: 3e38),
          strategy: Strategy(data: 2, zero: 3), communication: .sharedMemory, threads: 1,
          debugsNumerics: true)
        trainer.join(JoinedJob(controls[thread.rank]))
        let error = #expect(throws: TrainingError.self) {
          try trainer.fit(data, steps: 3, checkpoints: CheckpointPlan(folder: folder))
        }
        return error.map { "\($0)" } ?? ""
      }
      #expect(errors[0] == errors[1] && errors[0].contains("(step 1)"), "\(errors)")
      #expect(errors[0].hasPrefix("weight is not finite: ") && errors[0].contains("on rank 1;"))
      #expect(errors[0].contains("(update") && errors[0].contains("on rank 1 ("), "\(errors)")
      var replay = try CaptureReplay(NumericsCapture("\(folder)/capture-step-1"))
      #expect(try replay.run().firstNonFinite?.contains("in weight (update") == true)
    }
  }

  @Test func damagedCapturesAreErrors() throws {
    try withFolder { folder in
      _ = try error(folder, debugs: true)
      let path = "\(folder)/capture-step-3"
      let good = try Checkpoint(path)
      let tensors = good.file.tensors.map { tensor in
        TensorToWrite(tensor.name, tensor.element, tensor.shape) { try tensor.withBytes($0) }
      }
      for (note, text, expected) in [
        ("capture", "2", "format version '2'"), ("micro_batches", "-1", "micro-batches"),
        ("program", "entry step\n  %0 = nonsense()", "nonsense"), ("precision", "fp7", "precision"),
      ] {
        var state = good.state
        state.notes[note] = text
        try Checkpoint.write(tensors, state: state, to: "\(folder)/bad")
        let error = #expect(throws: (any Error).self) { try NumericsCapture("\(folder)/bad") }
        #expect("\(String(describing: error))".contains(expected), "\(String(describing: error))")
        state.notes[note] = nil
        try Checkpoint.write(tensors, state: state, to: "\(folder)/bad")
        #expect(throws: StorageError.self) { try NumericsCapture("\(folder)/bad") }
      }
      let some = tensors.filter { !$0.tensor.name.hasPrefix("capture/") }
      try Checkpoint.write(some, state: good.state, to: "\(folder)/bad")
      var replay = try CaptureReplay(NumericsCapture("\(folder)/bad"))
      #expect(throws: StorageError.self) { try replay.run() }
    }
  }

  @Test func aPlanAboveTheBudgetNamesItsLargestValues() throws {
    let trainer = try DistributedTrainer(
      model: Linear(3000, 4000), threads: 1, memoryBudgetBytes: 100 << 20)
    let data = ArrayLoader(
      batchSize: 2, input: ([3000], Array(repeating: 0, count: 6000)), targets: ([], [0, 1]))
    let error = #expect(throws: TrainingError.self) { try trainer.fit(data, steps: 1) }
    let text = error?.what ?? ""
    #expect(text.contains("and the budget is 100MiB"), "\(text)")
    #expect(text.contains("\n  46MiB weight float32[4000, 3000]\n"), "\(text)")
    #expect(text.contains("optimizer.first_moment/weight"), "\(text)")
  }

  /// No machine has this much.
  @Test func aModelLargerThanMemoryIsAnErrorBeforeItIsMade() throws {
    let trainer = try DistributedTrainer(model: Linear(1 << 24, 1 << 20), threads: 1)
    let data = ArrayLoader(
      batchSize: 1, input: ([1 << 24], Array(repeating: 0, count: 1 << 24)), targets: ([], [0]))
    let error = #expect(throws: TrainingError.self) { try trainer.fit(data, steps: 1) }
    #expect(error?.what.contains("this host has") == true, "\(String(describing: error))")
  }
}
