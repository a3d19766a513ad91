import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPModels
import DeepEPOptimizers
import DeepEPPlans
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Foundation
import Testing

/// Models whose control flow depends on data train, and cost a compilation for each path.
@Suite struct DynamicTests {
  enum Kind: CaseIterable {
    case depth, branch, convergence

    var model: any Branching {
      switch self {
      case .depth: DepthModel()
      case .branch: BranchModel()
      case .convergence: ConvergenceModel()
      }
    }
  }

  private let loader = LevelLoader()
  // A large epsilon makes the update linear in the gradient, so that rounding is not amplified.
  private let optimizer = AdamW(learningRate: 0.05, epsilon: 0.1)

  private func session(
    _ model: some Module, _ loader: LevelLoader, accumulation: Int = 1
  ) throws -> (session: TrainingSession, programs: ModelPrograms) {
    let builder = ProgramBuilder(
      optimizer: optimizer, clipNorm: 1, gradientAccumulation: accumulation)
    let programs = ModelPrograms(
      of: model.parameters, builder, on: try CPUDevice(threadCount: 2)
    ) { inputs, evaluation in
      try ProgramBuilder.traced(model, .squaredError, inputs: inputs, evaluation: evaluation)
    }
    let session = try TrainingSession(programs, loader, gradientAccumulation: accumulation)
    try session.prepare()
    try session.initialize()
    return (session, programs)
  }

  private func bytes(_ session: TrainingSession, _ name: String) throws -> [UInt8] {
    try session.executor.withSlot(name) { _, bytes in Array(bytes) }
  }

  private func array(_ session: TrainingSession, _ slot: NamedPlacement) throws -> HostArray {
    try session.executor.withSlot(slot.name) { type, bytes in
      HostArray(type.element, type.shape, bytes: UnsafeRawBufferPointer(bytes))
    }
  }

  private func error(_ found: HostArray, _ expected: HostArray) -> Double {
    let size = expected.doubles.map(abs).max() ?? 0
    let errors = zip(found.doubles, expected.doubles).map { abs($0 - $1) }
    return (errors.max() ?? 0) / max(size, 1e-2)
  }

  // MARK: Training

  @Test(arguments: Kind.allCases) func theLossFallsWithOneCompilationForEachPath(_ kind: Kind)
    throws
  {
    let model = kind.model
    let (session, programs) = try session(model, loader)
    let losses = try (0..<50).map { _ in try session.step(loader) }
    let (first, last) = (losses[..<9].reduce(0, +), losses[41...].reduce(0, +))
    #expect(last < 0.5 * first, "\(losses)")
    // The first batch is traced once to begin with, and again in its step.
    #expect(model.log.paths.count == 51)
    let paths = Set(model.log.paths)
    #expect(paths.count > 1 && programs.compilationCount == paths.count, "\(paths)")
    #expect(programs.questionCompilationCount <= 4)
    let before = (programs.compilationCount, programs.questionCompilationCount)
    let validation = try #require(try session.evaluate(loader))
    #expect(validation.isFinite && model.log.paths.count == 53)
    #expect(programs.compilationCount == before.0)
    #expect(programs.questionCompilationCount == before.1)
  }

  /// The interpreter steps through the same paths, each written without control flow.
  @Test(arguments: Kind.allCases) func parametersFollowThePathsThatWereTaken(_ kind: Kind) throws {
    let model = kind.model
    let (session, _) = try session(model, loader)
    var state = try Dictionary(
      uniqueKeysWithValues: session.plan.slots.map { ($0.name, try array(session, $0)) })
    for step in 0..<7 {
      let batch = try loader.batch(atExample: session.dataPosition)
      let loss = try session.step(loader)
      let path = try #require(model.log.paths.last)
      let traced = try ProgramBuilder.traced(
        model.fixed(path), .squaredError, inputs: loader.inputs)
      let program = try ProgramBuilder(optimizer: optimizer, clipNorm: 1).completed(traced)
      var interpreter = try Interpreter(program, slots: program.slots.compactMap { state[$0.name] })
      let expected = try interpreter.call(.step, hostArrays(batch))["loss"]?.doubles[0] ?? .nan
      for (slot, value) in zip(program.slots, interpreter.slots) { state[slot.name] = value }
      #expect(abs(loss - expected) <= 1e-5 * max(1, expected), "loss of step \(step)")
    }
    for slot in session.plan.slots {
      let off = error(try array(session, slot), try #require(state[slot.name]))
      #expect(off <= 1e-5, "\(slot.name) is off by \(off)")
    }
  }

  private func hostArrays(_ batch: Batch) -> [HostArray] {
    batch.arrays.map { array in
      array.bytes.withUnsafeBytes { HostArray(array.tensor.element, array.tensor.shape, bytes: $0) }
    }
  }

  // MARK: Gradients

  @Test(arguments: Kind.allCases) func gradientsAreThoseOfThePathWrittenOut(_ kind: Kind) throws {
    let model = kind.model
    let values = model.parameters.enumerated().map { index, named in
      let type = named.parameter.type
      let numbers = (0..<type.elementCount).map {
        Double(Random.word(UInt64(index), $0) >> 40) * 0x1p-24 - 0.5
      }
      return (named, HostArray(type.element, type.shape, numbers))
    }
    let known = Dictionary(
      uniqueKeysWithValues: values.map { (ObjectIdentifier($0.0.parameter), $0.1) })
    for position in [0, 8, 16] {
      let batch = try loader.batch(atExample: position)
      let evaluation = Evaluation(InterpreterEvaluator(known)) { batch.arrays.map(\.bytes) }
      let dynamic = try Gradient().apply(
        ProgramBuilder.traced(
          model, .squaredError, inputs: loader.inputs, evaluation: evaluation))
      let path = try #require(model.log.paths.last)
      let written = try Gradient().apply(
        ProgramBuilder.traced(model.fixed(path), .squaredError, inputs: loader.inputs))
      let byName = Dictionary(uniqueKeysWithValues: values.map { ($0.0.name, $0.1) })
      let slots = { (program: Program) in program.slots.compactMap { byName[$0.name] } }
      var interpreter = try Interpreter(written, slots: slots(written))
      let expected = try interpreter.call(.step, hostArrays(batch))
      var other = try Interpreter(dynamic, slots: slots(dynamic))
      let found = try other.call(.step, hostArrays(batch))
      let compiled = try compiledResults(dynamic, slots(dynamic), batch)
      #expect(Set(found.keys) == Set(expected.keys) && found.count > 1)
      for (name, value) in expected {
        #expect(try error(#require(found[name]), value) <= 1e-9, "\(name) on path \(path)")
        #expect(try error(#require(compiled[name]), value) <= 1e-5, "\(name) on path \(path)")
      }
    }
  }

  private func compiledResults(
    _ program: Program, _ slots: [HostArray], _ batch: Batch
  ) throws -> [String: HostArray] {
    let device = try CPUDevice(threadCount: 2)
    let executor = try Executor(Plan(program.applying(Program.lowering), for: device), on: device)
    for (slot, value) in zip(program.slots, slots) {
      try executor.withSlot(slot.name) { _, bytes in bytes.copyBytes(from: value.bytes) }
    }
    try executor.call(.step, batch.arrays.map(\.bytes))
    let names = program.entry(.step)?.results.map(\.name) ?? []
    return Dictionary(
      uniqueKeysWithValues: try names.map { ($0, try executor.result($0, of: .step)) })
  }

  // MARK: Several batches of an update

  /// Half of a batch takes each branch.
  private struct Halves: Module {
    let large: Linear
    let small: Linear

    func callAsFunction(_ x: Tensor) -> Tensor {
      let low = x.sliced([0, 0], sizes: [8, 4])
      let high = x.sliced([8, 0], sizes: [8, 4])
      return Tensor.concatenated([small(low * low), large(high)], along: 0)
    }
  }

  @Test func accumulationAcrossBranchesEqualsOneBatchThatTakesBoth() throws {
    // Levels 1.5, 2.5, 1.5, ...: every update has one batch of each branch.
    var levels = loader
    levels.examplesPerEpoch = 16
    let branch = BranchModel()
    let (small, _) = try session(branch, levels, accumulation: 2)
    levels.batchSize = 16
    let (large, _) = try session(Halves(large: branch.large, small: branch.small), levels)
    levels.batchSize = 8
    var whole = levels
    whole.batchSize = 16
    for step in 0..<4 {
      let losses = [try small.step(levels), try large.step(whole)]
      #expect(abs(losses[0] - losses[1]) <= 1e-5 * max(1, losses[1]), "step \(step): \(losses)")
    }
    for slot in large.plan.slots {
      #expect(try error(array(small, slot), array(large, slot)) <= 1e-5, "\(slot.name)")
    }
    #expect(branch.log.paths.suffix(4) == [0, 1, 0, 1])
  }

  // MARK: Resuming

  @Test func aRunContinuesBitForBitOnAnotherFirstPath() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("deepep-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let (first, _) = try session(BranchModel(), loader)
    for _ in 0..<2 { _ = try first.step(loader) }
    let position = CheckpointState(step: first.step, dataPosition: first.dataPosition)
    try Checkpoint.write(first.tensorsToWrite(), state: position, to: path)
    let (second, _) = try session(BranchModel(), loader)
    try second.restore(Checkpoint(path))
    for _ in 0..<4 { #expect(try first.step(loader) == second.step(loader)) }
    for slot in first.plan.slots {
      #expect(try bytes(first, slot.name) == bytes(second, slot.name), "\(slot.name)")
    }
  }
}
