import DeepEPCompute
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import Testing

/// How often `fit` traces and compiles a model.
@Suite struct RetracingTests {
  private struct Static: Module {
    let layer = Linear(4, 1)
    let log = PathLog()

    func callAsFunction(_ x: Tensor) -> Tensor {
      log.paths.append(x.shape[0])
      return layer(x)
    }
  }

  @Test func aModelThatAsksForNothingIsTracedOncePerInputType() throws {
    let model = Static()
    let trainer = try DistributedTrainer(
      model: model, loss: .squaredError, optimizer: .adamW(learningRate: 0.02), threads: 1)
    var loader = LevelLoader()
    try trainer.fit(loader, steps: 30)
    #expect(model.log.paths == [8])
    let before = try #require(try trainer.evaluate(loader))
    // The same held-out examples through the program of the other type, on the same parameters.
    (loader.batchSize, loader.validationBatchCount) = (16, 1)
    let other = try #require(try trainer.evaluate(loader))
    #expect(abs(before - other) <= 1e-6 * before)
    try trainer.fit(loader, steps: 60)
    (loader.batchSize, loader.validationBatchCount) = (8, 2)
    try trainer.fit(loader, steps: 70)
    #expect(model.log.paths == [8, 16])
    #expect(trainer.step == 70)
  }

  /// Asks, and uses a second layer, only for batches of more than eight rows.
  private struct Partly: DynamicModule {
    let first = Linear(4, 1)
    let second = Linear(4, 1)

    func output(for x: Tensor) throws -> Tensor {
      guard x.shape[0] > 8 else { return first(x) }
      return try second.weight.tensor.largest().scalar() > 0 ? second(x) : first(x) * 0
    }
  }

  @Test func parametersThatComeLaterHaveTheirFirstValues() throws {
    let trainer = try DistributedTrainer(
      model: Partly(), loss: .squaredError, optimizer: .adamW(learningRate: 0.02), threads: 1)
    var loader = LevelLoader()
    try trainer.fit(loader, steps: 3)
    let session = try trainer.start(loader)
    #expect(try session.tensorsToWrite().count == 2 + 1 + 2 * 2)
    loader.batchSize = 16
    try trainer.fit(loader, steps: 6)
    for name in ["first.weight", "second.weight"] {
      let sum = try session.executor.withSlot(name) { _, bytes in
        bytes.bindMemory(to: Float.self).reduce(0) { $0 + abs($1) }
      }
      #expect(sum > 0, "\(name)")
    }
    // Another batch of the first type must not lose the slots of the second.
    loader.batchSize = 8
    try trainer.fit(loader, steps: 7)
    #expect(try session.tensorsToWrite().count == 4 + 1 + 2 * 4)
  }

  /// Divides by the largest number of the batch.
  private struct Scaled: DynamicModule {
    let layer = Linear(4, 1)
    let passes: Bool

    func output(for x: Tensor) throws -> Tensor {
      let scale = 1 / (try x.largest().scalar())
      return passes ? layer(x * Tensor(passing: scale)) : layer(x * scale)
    }
  }

  private func session(
    _ model: Scaled, _ loader: LevelLoader
  ) throws -> (session: TrainingSession, programs: ModelPrograms) {
    let builder = ProgramBuilder(optimizer: AdamW(learningRate: 0.02))
    let programs = ModelPrograms(
      of: model.parameters, builder, on: try CPUDevice(threadCount: 1)
    ) { inputs, evaluation in
      try ProgramBuilder.traced(model, .squaredError, inputs: inputs, evaluation: evaluation)
    }
    let session = try TrainingSession(programs, loader)
    try session.initialize()
    return (session, programs)
  }

  @Test func passedNumbersAreNotPartOfTheStructure() throws {
    let loader = LevelLoader()
    let passing = try session(Scaled(passes: true), loader)
    let writing = try session(Scaled(passes: false), loader)
    for step in 0..<6 {
      let losses = try [passing.session.step(loader), writing.session.step(loader)]
      #expect(abs(losses[0] - losses[1]) < 1e-5 * max(1, losses[1]), "step \(step): \(losses)")
    }
    #expect(passing.programs.compilationCount == 1)
    #expect(writing.programs.compilationCount == 6)
  }

  /// Asks for the mean of what it returns, after dropout.
  private struct Dropping: DynamicModule {
    let layer = Linear(4, 1)
    let dropout = Dropout(0.5)
    let log = ValueLog()

    func output(for x: Tensor) throws -> Tensor {
      let y = dropout(layer(x))
      log.values.append(try y.mean().scalar())
      return y
    }
  }

  private final class ValueLog {
    var values: [Double] = []
  }

  /// The answer and the step see the same elements dropped.
  @Test(arguments: [1, 2]) func questionsDrawTheBitsOfTheStep(accumulation: Int) throws {
    let (model, loader) = (Dropping(), LevelLoader())
    let builder = ProgramBuilder(
      optimizer: AdamW(learningRate: 0.02), gradientAccumulation: accumulation, seed: 11)
    let programs = ModelPrograms(
      of: model.parameters, builder, on: try CPUDevice(threadCount: 1)
    ) { inputs, evaluation in
      try ProgramBuilder.traced(
        model, Loss { output, _ in output }, inputs: inputs, evaluation: evaluation)
    }
    let session = try TrainingSession(programs, loader, gradientAccumulation: accumulation)
    try session.prepare()
    try session.initialize()
    for step in 0..<5 {
      model.log.values = []
      let loss = try session.step(loader)
      // Each batch is traced to be evaluated, and then to be trained.
      #expect(model.log.values.count == 2 * accumulation)
      let trained = stride(from: 1, to: 2 * accumulation, by: 2).map { model.log.values[$0] }
      let mean = trained.reduce(0, +) / Double(accumulation)
      #expect(abs(loss - mean) < 1e-5, "step \(step): \(loss) and \(model.log.values)")
    }
    #expect(programs.compilationCount == 1)
  }

  private struct Lost: DynamicModule {
    let layer = Linear(4, 1)

    func output(for x: Tensor) throws -> Tensor {
      let hidden = Parameter([4], .ones)
      return try layer(x) * (hidden.tensor.sum().scalar())
    }
  }

  private struct Wide: DynamicModule {
    let layer = Linear(4, 1)

    func output(for x: Tensor) throws -> Tensor { try layer(x) * layer(x).scalar() }
  }

  @Test func mistakesOfModelsThatAskAreErrors() throws {
    let lost = try DistributedTrainer(model: Lost(), loss: .squaredError, threads: 1)
    let first = #expect(throws: TraceError.self) { try lost.fit(LevelLoader(), steps: 1) }
    #expect(first?.description.contains("stored 'let' properties") ?? false, "\(first as Any)")
    let wide = try DistributedTrainer(model: Wide(), loss: .squaredError, threads: 1)
    let second = #expect(throws: TraceError.self) { try wide.fit(LevelLoader(), steps: 1) }
    #expect(second?.description.contains("float32[8, 1]") ?? false, "\(second as Any)")
    #expect(second?.description.contains("RetracingTests.swift:") ?? false, "\(second as Any)")
  }
}
