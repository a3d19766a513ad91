import DeepEPCompute
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import Testing

/// What an update may and may not change: frozen and tied parameters, moving averages, loss scaling.
@Suite struct SlotRuleTests {
  private struct Classifier: Module {
    let hidden = Linear(3, 6)
    let out = Linear(6, 4)
    func callAsFunction(_ x: Tensor) -> Tensor { out(hidden(x).hyperbolicTangent()) }
  }

  private func data(batchSize: Int = 4) -> ArrayLoader {
    var loader = ArrayLoader.random(
      seed: 6, examples: 8, batchSize: batchSize, input: [3], classes: 4)
    loader.validationBatchCount = 2
    return loader
  }

  private func program(
    _ builder: ProgramBuilder, _ model: some Module = Classifier()
  ) throws -> Program {
    try builder.completed(ProgramBuilder.traced(model, .crossEntropy, inputs: data().inputs))
  }

  // MARK: Frozen parameters

  @Test(arguments: [1, 2]) func frozenParametersHaveNoGradientAndNoState(_ count: Int) throws {
    let builder = ProgramBuilder(
      optimizer: .adamW(), gradientAccumulation: count, emaDecay: 0.9, frozen: ["hidden"])
    let program = try program(builder)
    let about = program.slots.map(\.name).filter { $0.contains("hidden") }
    #expect(about == ["hidden.weight", "hidden.bias"])
    var run = try InterpretedRun(program, microBatches: count)
    let before = run.state
    _ = try run.step(data())
    #expect(run.slot("hidden.weight") == before["hidden.weight"])
    #expect(run.slot("out.weight") != before["out.weight"])
  }

  private struct Tuned: Module {
    let hidden: Frozen<Linear>
    let middle = BatchNorm(5).frozen()
    let out: Linear
    func callAsFunction(_ x: Tensor) -> Tensor { out(middle(hidden(x).hyperbolicTangent())) }
  }

  /// A frozen module has the names, and the parameters, of the module; its statistics move.
  @Test func aFrozenModuleIsTheModuleThatStaysAsItIs() throws {
    let model = Tuned(hidden: Linear(3, 5).frozen(), out: Linear(5, 4))
    #expect(
      model.parameters.prefix(4).map(\.name) == [
        "hidden.weight", "hidden.bias", "middle.weight", "middle.bias",
      ])
    let program = try program(ProgramBuilder(optimizer: .adamW()), model)
    #expect(program.slots.filter(\.isTrainable).map(\.name) == ["out.weight", "out.bias"])
    var run = try InterpretedRun(program)
    let before = run.state
    _ = try run.step(data())
    for name in ["hidden.weight", "hidden.bias", "middle.weight"] {
      #expect(run.slot(name) == before[name], "\(name)")
    }
    for name in ["out.weight", "middle.running_mean"] {
      #expect(run.slot(name) != before[name], "\(name)")
    }
  }

  /// A layer that a frozen module shares with others is frozen for them too.
  @Test func aSharedParameterIsFrozenForAll() throws {
    let layer = Linear(5, 5)
    struct Shared: Module {
      let first: Linear
      let second: Frozen<Linear>
      let out = Linear(5, 4)
      let wide = Linear(3, 5)
      func callAsFunction(_ x: Tensor) -> Tensor { out(second(first(wide(x)))) }
    }
    let model = Shared(first: layer, second: layer.frozen())
    #expect(model.parameters.map(\.name).contains("first.weight"))
    #expect(
      model.parameters.filter(\.isTrainable).map(\.name) == [
        "out.weight", "out.bias", "wide.weight", "wide.bias",
      ])
  }

  @Test func whatIsFrozenMustExistAndLeaveSomething() {
    for frozen: [ParameterPattern] in [["hiden"], ["hidden", "out"]] {
      #expect(throws: TrainingError.self) {
        try program(ProgramBuilder(optimizer: .adamW(), frozen: frozen))
      }
    }
  }

  private struct Reserved: Module {
    let ema = Linear(3, 4)
    func callAsFunction(_ x: Tensor) -> Tensor { ema(x) }
  }

  @Test func namesOfTheRunAreReserved() {
    let error = #expect(throws: TrainingError.self) {
      try program(ProgramBuilder(optimizer: .adamW()), Reserved())
    }
    #expect(error?.what.contains("ema.weight") ?? false)
  }

  // MARK: Tied parameters

  /// Two square matrices that may be one, after some mixing of the input.
  private struct Pair: Module {
    let first: Parameter
    let second: Parameter
    func callAsFunction(_ x: Tensor) -> Tensor {
      let wide = x.matmul(x.filled(with: 0.5).sliced([0, 0], sizes: [3, 3]))
      return Tensor.concatenated([wide, x.sliced([0, 0], sizes: [4, 1])], along: 1)
        .hyperbolicTangent().matmul(first).hyperbolicTangent().matmul(second)
    }
  }

  @Test func theGradientOfATiedParameterIsTheSum() throws {
    let first = Parameter([4, 4], .uniform(bound: 0.5, stream: .number(3)))
    let second = Parameter([4, 4], .uniform(bound: 0.5, stream: .number(3)))
    let builder = ProgramBuilder(optimizer: .sgd(learningRate: 1))
    var tied = try InterpretedRun(program(builder, Pair(first: first, second: first)))
    var free = try InterpretedRun(program(builder, Pair(first: first, second: second)))
    let start = tied.slot("first")
    #expect(start == free.slot("second") && tied.slot("second") == [])
    #expect(try abs(tied.step(data()) - free.step(data())) < 1e-15)
    let changes = { (numbers: [Double]) in zip(numbers, start).map { $0 - $1 } }
    let sum = zip(changes(free.slot("first")), changes(free.slot("second"))).map { $0 + $1 }
    #expect(distance(changes(tied.slot("first")), sum) < 1e-14)
  }

  // MARK: Moving averages

  @Test(arguments: [1, 2]) func averagesFollowTheirParameters(_ count: Int) throws {
    let builder = ProgramBuilder(
      optimizer: .sgd(learningRate: 0.5), gradientAccumulation: count, emaDecay: 0.75)
    var run = try InterpretedRun(program(builder), microBatches: count)
    var average = run.slot("hidden.weight")
    #expect(run.slot("ema.hidden.weight") == average)
    for _ in 0..<3 {
      _ = try run.step(data())
      average = zip(average, run.slot("hidden.weight")).map { 0.75 * $0 + 0.25 * $1 }
      #expect(distance(run.slot("ema.hidden.weight"), average) < 1e-14)
    }
  }

  @Test func evaluationByAveragesIsThatOfAModelWithThem() throws {
    let builder = ProgramBuilder(optimizer: .sgd(learningRate: 0.5), emaDecay: 0.75)
    let session = try TrainingSession(program(builder), on: CPUDevice(threadCount: 1))
    try session.initialize()
    let first = try session.evaluate(data(), by: .evaluateAverages)
    #expect(try first == session.evaluate(data()))
    for _ in 0..<4 { _ = try session.step(data()) }
    let byAverages = try #require(try session.evaluate(data(), by: .evaluateAverages))
    let byParameters = try #require(try session.evaluate(data()))
    #expect(byAverages != byParameters)
    for slot in session.program.slots where slot.kind == .parameter {
      let bytes = try session.executor.withSlot("ema.\(slot.name)") { _, bytes in Array(bytes) }
      try session.executor.withSlot(slot.name) { _, target in target.copyBytes(from: bytes) }
    }
    #expect(try session.evaluate(data()) == byAverages)
  }

  @Test func averagesThatAreNotKeptCannotBeAskedFor() throws {
    let trainer = try DistributedTrainer(model: Classifier())
    #expect(throws: TrainingError.self) { try trainer.evaluate(data(), byAverages: true) }
    #expect(throws: TrainingError.self) {
      try DistributedTrainer(model: Classifier(), emaDecay: 1)
    }
  }

  // MARK: Loss scaling

  /// A power of two scales gradients without rounding: the run is the same bit for bit.
  @Test(arguments: [1, 2]) func aScaleDoesNotChangeTheRun(_ count: Int) throws {
    let states = try [nil, LossScaling(initial: 1024, growthInterval: 2)].map { scaling in
      let builder = ProgramBuilder(
        optimizer: .adamW(learningRate: 0.1), clipNorm: 0.5, gradientAccumulation: count,
        lossScaling: scaling, emaDecay: 0.9)
      var run = try InterpretedRun(program(builder), microBatches: count)
      let losses = try (0..<5).map { _ in try run.step(data()) }
      return (losses, run)
    }
    #expect(states[0].0 == states[1].0)
    for (name, numbers) in states[0].1.state {
      #expect(distance(numbers, states[1].1.slot(name)) < 1e-13, "\(name)")
    }
    // Doubled after the second and the fourth update.
    #expect(states[1].1.slot(LossScaling.scaleName) == [4096])
    #expect(states[1].1.slot(LossScaling.goodName) == [1])
  }

  /// In float32 a scale of 2⁶⁰ times a large input overflows: such updates are left out.
  @Test(arguments: [1, 2]) func updatesThatAreNotFiniteAreLeftOut(_ count: Int) throws {
    let builder = ProgramBuilder(
      optimizer: .adamW(), clipNorm: 1, gradientAccumulation: count,
      lossScaling: LossScaling(initial: 0x1p60), emaDecay: 0.9)
    let session = try TrainingSession(
      program(builder, Linear(3, 4)), gradientAccumulation: count, on: CPUDevice(threadCount: 1))
    try session.initialize()
    var loader = data()
    let large = loader.input.numbers.map { $0 * 0x1p72 }
    let tame = loader
    loader = ArrayLoader(batchSize: 4, input: ([3], large), targets: loader.targets)
    let names = session.program.slots.map(\.name).filter { $0 != LossScaling.scaleName }
    let state = { () throws -> [[UInt8]] in
      try names.map { try session.executor.withSlot($0) { _, bytes in Array(bytes) } }
    }
    let before = try state()
    _ = try session.step(loader)
    #expect(try state() == before)
    #expect(try session.numbers(of: LossScaling.scaleName) == [0x1p59])
    _ = try session.step(loader)
    #expect(try session.numbers(of: LossScaling.scaleName) == [0x1p58])
    _ = try session.step(tame)
    #expect(try state() != before)
    #expect(try session.numbers(of: LossScaling.scaleName) == [0x1p58])
    #expect(session.step == 3)
  }

  @Test func aRunThatOverflowsAtTheSmallestScaleEnds() throws {
    let builder = ProgramBuilder(optimizer: .adamW(), lossScaling: LossScaling(initial: 2))
    let session = try TrainingSession(program(builder), on: CPUDevice(threadCount: 1))
    try session.initialize()
    let bad = ArrayLoader(
      batchSize: 4, input: ([3], Array(repeating: .infinity, count: 24)), targets: data().targets)
    let error = #expect(throws: TrainingError.self) {
      for _ in 0..<3 { _ = try session.step(bad) }
    }
    #expect(error?.what.contains("smallest loss scale") ?? false)
    #expect(session.step < 3)
  }

  @Test(arguments: [0.5, .infinity, .nan]) func aScaleOutOfRangeIsAnError(_ scale: Double) {
    #expect(throws: TrainingError.self) {
      try DistributedTrainer(model: Classifier(), lossScaling: LossScaling(initial: scale))
    }
  }
}
