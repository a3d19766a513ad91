import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPModels
import DeepEPOptimizers
import DeepEPPlans
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Foundation
import Testing

/// Which elements are dropped is a function of seed, step, place and global element index.
@Suite struct DropoutTests {
  /// A model that shows its mask: the "loss" of each prediction is the input after dropout.
  private struct Shown: Module {
    let scale = Parameter([1], .ones)
    let first = Dropout(0.3)
    let second = Dropout(0.3)
    func callAsFunction(_ x: Tensor) -> Tensor {
      let x = x * scale
      return Tensor.concatenated([first(x), second(x)], along: 1)
    }
  }

  /// The entry `forward` of the model, which returns its output `y`.
  private func traced(batchSize: Int) throws -> Program {
    let model = Shown()
    var program = Program()
    let input = EntryInput(name: "x", type: Type(.float32, [batchSize, 8]))
    try program.trace(
      .forward, inputs: [input], parameters: model.parameters, mode: .training(RunState())
    ) { [("y", model($0[0]))] }
    return program
  }

  private func slots(_ program: Program, _ counters: [String: Int64]) -> [HostArray] {
    program.slots.map { slot in
      counters[slot.name].map { HostArray(slot.type.element, [], integers: [$0]) }
        ?? HostArray(slot.type.element, slot.type.shape, [1])
    }
  }

  private func ones(batchSize: Int) -> HostArray {
    HostArray(.float32, [batchSize, 8], Array(repeating: 1, count: batchSize * 8))
  }

  /// What the model returns at a place in a run.
  private func shown(batchSize: Int, at counters: [String: Int64]) throws -> [Double] {
    let program = try traced(batchSize: batchSize)
    var interpreter = try Interpreter(program, slots: slots(program, counters))
    return try interpreter.call(.forward, [ones(batchSize: batchSize)])["y"]?.doubles ?? []
  }

  private func counters(seed: Int64 = 5, step: Int64 = 3, microBatch: Int64 = 0) -> [String: Int64]
  {
    [
      RunState.seedName: seed, RunState.stepName: step, RunState.microBatchName: microBatch,
    ]
  }

  @Test(arguments: [1, 2, 4]) func microBatchesDrawTheBitsOfTheWhole(_ count: Int) throws {
    let whole = try shown(batchSize: 16, at: counters())
    let parts = try (0..<count).flatMap {
      try shown(batchSize: 16 / count, at: counters(microBatch: Int64($0)))
    }
    #expect(whole == parts)
  }

  /// Every element, exactly: the compiled mask is the interpreter's, on any number of threads.
  @Test(arguments: [1, 2]) func compiledMasksAreTheInterpreters(threads: Int) throws {
    let counters = counters(microBatch: 3)
    let program = try traced(batchSize: 16)
    let device = try CPUDevice(threadCount: threads)
    let executor = try Executor(Plan(program.applying(Program.lowering), for: device), on: device)
    for (slot, value) in zip(program.slots, slots(program, counters)) {
      try executor.withSlot(slot.name) { _, bytes in bytes.copyBytes(from: value.bytes) }
    }
    try executor.call(.forward, [ones(batchSize: 16).bytes])
    let found = try executor.result("y", of: .forward).doubles
    #expect(try found == shown(batchSize: 16, at: counters))
    #expect(Set(found).count == 2)
  }

  @Test func seedStepAndPlaceMatter() throws {
    let masks = try [counters(), counters(seed: 6), counters(step: 4)].map {
      try shown(batchSize: 16, at: $0)
    }
    #expect(Set(masks).count == 3)
    // The two layers of the model draw different bits: columns 0 to 7 and 8 to 15 of each row.
    let (first, second) = (
      masks[0].indices.filter { $0 % 16 < 8 }.map { masks[0][$0] },
      masks[0].indices.filter { $0 % 16 >= 8 }.map { masks[0][$0] }
    )
    #expect(first != second)
  }

  @Test func theShareThatIsKeptAndTheMeanAreRight() throws {
    let trace = Trace(isRoot: true)
    let scalar = { (type: Type) in trace.apply(Constant(type: type, numbers: [7]), [])[0] }
    let ones = trace.apply(Constant(type: Type(.float64, [100, 200]), numbers: [1]), [])[0]
    let dropped = ones.apply(
      DropoutMask(rate: 0.3), scalar(Type(.uint64, [])), scalar(Type(.int64, [])))
    let values = try Interpreter.evaluate(trace.graph, inputs: [], slots: [])
    let place = try #require(dropped.value)
    let numbers = values[place.node][place.result].doubles
    #expect(Set(numbers) == [0, 1 / 0.7])
    // Five standard deviations: 5 · sqrt(0.3 · 0.7 / 20000).
    let kept = Double(numbers.count { $0 > 0 }) / 20000
    #expect(abs(kept - 0.7) < 0.0163)
  }

  @Test func aRateOutOfRangeIsAnError() {
    let model = GPT2(
      GPT2Configuration(vocabulary: 5, context: 4, width: 4, layers: 1, heads: 1, dropout: 1))
    var program = Program()
    let input = EntryInput(name: "x", type: Type(.int32, [1, 4]))
    let error = #expect(throws: TraceError.self) {
      try program.trace(
        .forward, inputs: [input], parameters: model.parameters, mode: .training(RunState())
      ) { [("y", model($0[0]))] }
    }
    #expect(error?.problem.contains("0 ..< 1") ?? false)
  }

  /// Checkpoints from before there was dropout say nothing of it.
  @Test func aConfigurationWithoutDropoutHasNone() throws {
    let text = #"{"vocabulary":5,"context":4,"width":4,"layers":1,"heads":1}"#
    let old = try JSONDecoder().decode(GPT2Configuration.self, from: Data(text.utf8))
    #expect(
      old == GPT2Configuration(vocabulary: 5, context: 4, width: 4, layers: 1, heads: 1))
    var new = old
    new.dropout = 0.25
    let again = try JSONDecoder().decode(
      GPT2Configuration.self, from: JSONEncoder().encode(new))
    #expect(again == new)
  }

  // MARK: In a GPT

  private func data(gpt batchSize: Int) -> ArrayLoader {
    let random = ArrayLoader.random(
      seed: 2, examples: 8, batchSize: batchSize, input: [6], targets: [6], classes: 11)
    let tokens = random.targets.labels.map { Float(($0 + 1) % 11) }
    return ArrayLoader(batchSize: batchSize, input: ([6], tokens), targets: random.targets)
  }

  /// Takes floats, so that one loader serves all tests of this folder.
  private struct Tokens: Module {
    let gpt: GPT2
    func callAsFunction(_ x: Tensor) -> Tensor { gpt(x.converted(to: .int32)) }
  }

  private func program(_ dropout: Double, batchSize: Int, microBatches: Int) throws -> Program {
    let sizes = GPT2Configuration(
      vocabulary: 11, context: 6, width: 8, layers: 2, heads: 2, dropout: dropout)
    let traced = try ProgramBuilder.traced(
      Tokens(gpt: GPT2(sizes)), .crossEntropy, inputs: data(gpt: batchSize).inputs)
    return try ProgramBuilder(
      optimizer: .sgd(learningRate: 0.5), gradientAccumulation: microBatches, seed: 77
    ).completed(traced)
  }

  /// Losses and parameters of two steps do not depend on how the batch is cut.
  @Test(arguments: [2, 4]) func accumulationDrawsTheSameBits(_ count: Int) throws {
    var large = try InterpretedRun(program(0.2, batchSize: 8, microBatches: 1))
    var small = try InterpretedRun(
      program(0.2, batchSize: 8 / count, microBatches: count), microBatches: count)
    for _ in 0..<2 {
      let losses = try [large.step(data(gpt: 8)), small.step(data(gpt: 8 / count))]
      #expect(abs(losses[0] - losses[1]) < 1e-12)
    }
    for (name, numbers) in large.state where name.hasPrefix("gpt.") {
      #expect(distance(numbers, small.slot(name)) < 1e-12, "\(name)")
    }
  }

  @Test func compiledRunsDrawTheSameBitsOnAnyThreads() throws {
    let program = try program(0.2, batchSize: 4, microBatches: 2)
    var run = try InterpretedRun(program, microBatches: 2)
    let expected = try (0..<3).map { _ in try run.step(data(gpt: 4)) }
    for threads in [1, 2] {
      let session = try TrainingSession(
        program, gradientAccumulation: 2, on: CPUDevice(threadCount: threads))
      try session.initialize()
      let found = try (0..<3).map { _ in try session.step(data(gpt: 4)) }
      // A single other bit would change the loss by about a hundredth.
      #expect(distance(expected, found) < 1e-5, "\(threads) threads")
    }
  }

  @Test func evaluationDropsNothing() throws {
    let programs = try [0, 0.4].map { try program($0, batchSize: 4, microBatches: 1) }
    let entries = programs.map { $0.entry(.evaluate)?.structuralHash }
    #expect(entries[0] == entries[1])
    #expect(programs[0].slots.map(\.name).contains(RunState.seedName) == false)
  }

  /// The gradient of the loss with a fixed key is that of finite differences: backward uses the bits
  /// of forward.
  @Test func backwardUsesTheBitsOfForward() throws {
    let traced = try ProgramBuilder.traced(
      Tokens(
        gpt: GPT2(
          GPT2Configuration(
            vocabulary: 11, context: 6, width: 4, layers: 1, heads: 1, dropout: 0.3))),
      .crossEntropy, inputs: data(gpt: 2).inputs)
    let loss = try LossMean(microBatches: 1).apply(traced).inFloat64()
    let program = try loss.applying([Gradient(of: .forward, as: .step)])
    var random = RandomSource(seed: 8)
    let slots = program.slots.map { slot in
      HostArray(
        slot.type.element, slot.type.shape,
        (0..<slot.type.elementCount).map { _ in slot.isTrainable ? 0.5 * random.unit() : 3 })
    }
    let batch = try data(gpt: 2).batch(atExample: 0)
    let inputs = [
      HostArray(.float64, [2, 6], data(gpt: 2).input.numbers.prefix(12).map { Double($0) }),
      HostArray(.int32, [2, 6], try batch.array(named: "y").int32Values.map { Double($0) }),
    ]
    var interpreter = try Interpreter(program, slots: slots)
    let gradients = try interpreter.call(.step, inputs)
    for (index, slot) in program.slots.enumerated() where slot.isTrainable {
      let found = try #require(gradients[slot.name]).doubles
      for place in [0, found.count / 2, found.count - 1] {
        let moved = try [1e-5, -1e-5].map { step in
          var (slots, numbers) = (slots, slots[index].doubles)
          numbers[place] += step
          slots[index] = HostArray(.float64, slot.type.shape, numbers)
          var interpreter = try Interpreter(program, slots: slots)
          return try interpreter.call(.forward, inputs)["loss"]?.doubles[0] ?? .nan
        }
        let difference = (moved[0] - moved[1]) / 2e-5
        #expect(abs(difference - found[place]) < 1e-7, "\(slot.name) \(place)")
      }
    }
  }
}
