import DeepEPCompute
import DeepEPLaws
import DeepEPModels
import DeepEPOptimizers
import DeepEPPlans
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import Testing

/// The loss is a sum over the count of the whole global batch, however the batch is cut.
@Suite struct LossCountTests {
  private struct Classifier: Module {
    let hidden = Linear(3, 6)
    let out = Linear(6, 4)
    func callAsFunction(_ x: Tensor) -> Tensor { out(hidden(x).hyperbolicTangent()) }
  }

  /// Eight examples of two predictions each; a few labels, or whole micro-batches, do not count.
  private func data(batchSize: Int, ignored: Set<Int>) -> ArrayLoader {
    let all = ArrayLoader.random(
      seed: 4, examples: 8, batchSize: batchSize, input: [2, 3], targets: [2], classes: 4)
    let labels = all.targets.labels.enumerated().map { ignored.contains($0) ? -100 : $1 }
    return ArrayLoader(
      batchSize: batchSize, input: all.input, targets: ([2], labels), validationBatchCount: 2)
  }

  private func program(
    _ loss: Loss, batchSize: Int, microBatches: Int,
    optimizer: any Optimizer = .sgd(learningRate: 1)
  ) throws -> Program {
    let traced = try ProgramBuilder.traced(
      Classifier(), loss, inputs: data(batchSize: batchSize, ignored: []).inputs)
    return try ProgramBuilder(optimizer: optimizer, gradientAccumulation: microBatches)
      .completed(traced)
  }

  private static let weighted = Loss {
    $0.crossEntropy(labels: $1)
  } weights: {
    $0.converted(to: .float32) * 0.75 + 0.25
  }

  static let losses: [(name: String, loss: Loss)] = [
    ("all", .crossEntropy), ("some", .crossEntropy(ignoring: -100)), ("weighted", weighted),
    ("two", .crossEntropy + 0.5 * Loss.crossEntropy(ignoring: 2)),
  ]

  /// One label counts in the first two examples, none in the third and fourth.
  private static let ignored: Set = [0, 1, 3, 4, 5, 6, 7, 12]

  /// In float64, so that what is left is not rounding.
  ///
  /// With a rate of 1 the parameters contain the
  /// gradients.
  @Test(arguments: losses.indices, [2, 4, 8])
  func microBatchesGiveTheGradientsOfTheLargeBatch(_ index: Int, _ count: Int) throws {
    let (name, loss) = Self.losses[index]
    let ignored = name == "some" ? Self.ignored : []
    var large = try InterpretedRun(program(loss, batchSize: 8, microBatches: 1))
    var small = try InterpretedRun(
      program(loss, batchSize: 8 / count, microBatches: count), microBatches: count)
    for _ in 0..<2 {
      let expected = try large.step(data(batchSize: 8, ignored: ignored))
      let found = try small.step(data(batchSize: 8 / count, ignored: ignored))
      #expect(abs(expected - found) < 1e-12, "\(name)")
    }
    for (slot, numbers) in large.state {
      #expect(distance(numbers, small.slot(slot)) < 1e-12, "\(name): \(slot)")
    }
  }

  @Test(arguments: losses.indices, [2, 4]) func compiledRunsFollow(_ index: Int, _ count: Int)
    throws
  {
    let (name, loss) = Self.losses[index]
    let ignored = name == "some" ? Self.ignored : []
    let program = try program(loss, batchSize: 8 / count, microBatches: count)
    let session = try TrainingSession(
      program, gradientAccumulation: count, on: CPUDevice(threadCount: 2))
    try session.initialize()
    var large = try InterpretedRun(self.program(loss, batchSize: 8, microBatches: 1))
    for _ in 0..<3 {
      let expected = try large.step(data(batchSize: 8, ignored: ignored))
      let found = try session.step(data(batchSize: 8 / count, ignored: ignored))
      #expect(abs(expected - found) < 1e-5, "\(name)")
    }
    for name in ["hidden.weight", "out.bias"] {
      #expect(try distance(large.slot(name), session.numbers(of: name)) < 1e-5, "\(name)")
    }
  }

  @Test(arguments: [1, 2]) func aBatchInWhichNothingCountsChangesNothing(_ count: Int) throws {
    let loss = Loss.crossEntropy(ignoring: -100)
    var run = try InterpretedRun(
      program(loss, batchSize: 4, microBatches: count), microBatches: count)
    let before = run.slot("hidden.weight")
    let empty = data(batchSize: 4, ignored: Set(0..<16))
    #expect(try run.step(empty) == 0)
    #expect(run.slot("hidden.weight") == before)
    // The counters are empty again, and the next batch is not spoilt.
    #expect(try run.step(data(batchSize: 4, ignored: [])) > 0)
  }

  @Test func aKnownCountNeedsNoPrologue() throws {
    let known = try program(.crossEntropy, batchSize: 2, microBatches: 4)
    #expect(Schedule(known, microBatches: 4).calls.map(\.entry).count == 5)
    let unknown = try program(.crossEntropy(ignoring: -100), batchSize: 2, microBatches: 4)
    let schedule = Schedule(unknown, microBatches: 4)
    #expect(schedule.entries == [.prologue, .accumulate, .update])
    #expect(schedule.calls.count == 9 && schedule.microBatchCount == 4)
    #expect(unknown.entry(.prologue)?.inputs.map(\.name) == ["y"])
    let reads = unknown.entry(.prologue)?.graph.nodes.count { $0.operation is Read }
    #expect(reads == 1)
  }

  /// Held-out data is one batch too: its losses over its count, over all its batches.
  @Test func evaluationCountsOverAllBatches() throws {
    let loss = Loss.crossEntropy(ignoring: -100)
    let session = { (size: Int) in
      let program = try program(loss, batchSize: size, microBatches: 1)
      let session = try TrainingSession(program, on: CPUDevice(threadCount: 1))
      try session.initialize()
      let loader = data(batchSize: size, ignored: Self.ignored)
      return try session.evaluate(loader)
    }
    let (small, large) = (try session(4), try session(8))
    #expect(abs(try #require(small) - (try #require(large))) < 1e-5)
  }

  @Test func wrongShapesAreErrors() throws {
    let mean = Loss { $0.crossEntropy(labels: $1).mean() }
    let narrow = Loss {
      $0.crossEntropy(labels: $1)
    } weights: {
      $0.sum([1])
    }
    for (loss, word) in [(mean, "scalar"), (narrow, "weights")] {
      let error = #expect(throws: TraceError.self) {
        try program(loss, batchSize: 2, microBatches: 1)
      }
      #expect(error?.problem.contains(word) ?? false)
    }
  }
}

extension TrainingSession {
  /// The numbers of a float32 slot.
  func numbers(of slot: String) throws -> [Double] {
    try executor.withSlot(slot) { _, bytes in
      bytes.bindMemory(to: Float.self).map { Double($0) }
    }
  }
}
