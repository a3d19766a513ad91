import DeepEPElements
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTransforms

/// Writes the program of a training run: the entries that evaluate, step and initialise.
package struct ProgramBuilder {
  package var optimizer: any Optimizer
  /// The largest norm of all gradients together; nil leaves them as they are.
  package var clipNorm: Double?
  /// The number of batches whose gradients make one update.
  package var gradientAccumulation: Int
  package var seed: UInt64
  /// How the loss is scaled; nil leaves it as it is.
  package var lossScaling: LossScaling?
  /// How much of the moving averages of parameters stays in an update; nil keeps none.
  package var emaDecay: Double?
  /// Parameters that stay as they are.
  package var frozen: [ParameterPattern]
  /// What is trained beside the weights in their place; nil trains the weights.
  package var adaptation: LowRankAdaptation?
  /// How gradients travel between hosts.
  package var compression = Compression.none
  /// Whether a step also returns the statistics of tapped values.
  package var recordsTaps: Bool

  package init(
    optimizer: any Optimizer, clipNorm: Double? = nil, gradientAccumulation: Int = 1,
    seed: UInt64 = 0, lossScaling: LossScaling? = nil, emaDecay: Double? = nil,
    frozen: [ParameterPattern] = [], adaptation: LowRankAdaptation? = nil,
    recordsTaps: Bool = false
  ) {
    self.optimizer = optimizer
    self.clipNorm = clipNorm
    self.gradientAccumulation = gradientAccumulation
    self.seed = seed
    self.lossScaling = lossScaling
    self.emaDecay = emaDecay
    self.frozen = frozen
    self.adaptation = adaptation
    self.recordsTaps = recordsTaps
  }

  // MARK: The model

  /// Traces a model with its loss, without gradients: to be evaluated, and to be trained.
  ///
  /// `evaluation` answers if the code asks for values.
  package static func traced(
    _ model: some Module, _ loss: Loss, inputs: [TensorDescription], evaluation: Evaluation? = nil
  ) throws -> Program {
    let parameters = try checkedParameters(of: model)
    let inputs = inputs.map { array in
      EntryInput(
        name: array.name, type: Type(array.element, array.shape),
        axes: array.shape.indices.map { $0 == 0 ? .axis(.batch) : .unnamed })
    }
    guard inputs.count == 2 else {
      throw TrainingError(
        what: "the loader yields \(inputs.count) arrays", place: "batch",
        fix: "yield two: the model's input and the targets")
    }
    var program = Program()
    let sums = { (inputs: [Tensor]) in
      LossSums(loss, output: model(inputs[0]), targets: inputs[1])
    }
    let dependsOnMode = try program.trace(
      .evaluate, inputs: inputs, parameters: parameters, evaluation: evaluation
    ) {
      let sums = sums($0)
      return sums.evaluation + sums.totals
    }
    program.splitTotals()
    guard dependsOnMode else { return program }
    program.entries.removeAll { $0.name == .forward }
    try program.trace(
      .forward, inputs: inputs, parameters: parameters, mode: .training(RunState()),
      evaluation: evaluation
    ) { sums($0).totals }
    return program
  }

  private static func checkedParameters(of model: some Module) throws -> [NamedParameter] {
    let parameters = model.parameters
    guard !parameters.isEmpty else {
      throw TrainingError(
        what: "the model has no parameters", place: "\(type(of: model))",
        fix: "keep parameters and modules in stored 'let' properties of modules")
    }
    if let reserved = parameters.first(where: { Checkpoint.isStateOfRun($0.name) }) {
      throw TrainingError(
        what: "the name '\(reserved.name)' is that of state of a run", place: "\(type(of: model))",
        fix: "give the property another name than optimizer, ema or random")
    }
    return parameters
  }

  // MARK: The run

  /// The whole program for a traced one: gradients, updates, first values.
  package func completed(_ traced: Program) throws -> Program {
    var program = try LossMean(microBatches: gradientAccumulation).apply(settled(traced))
    if let lossScaling { program = try lossScaling.apply(program) }
    let ownResults = program.entry(.forward)?.results.count ?? 0
    let name = gradientAccumulation == 1 ? EntryName.step : .accumulate
    program = try Gradient(of: .forward, as: name).apply(program)
    program.entries.removeAll { $0.name == .forward }
    program = try addingUpdates(to: program, ownResults: ownResults)
    if recordsTaps { program = try TapStatistics.apply(program, name) }
    program = averages?.addingEvaluation(to: program) ?? program
    return try InitializerWriter(seed: seed).adding(to: program)
  }

  private var averages: MovingAverages? {
    emaDecay.map { MovingAverages(decay: $0, seed: seed) }
  }

  private func addingUpdates(to program: Program, ownResults: Int) throws -> Program {
    let updates = ParameterUpdates(
      optimizer: optimizer, clipping: clipNorm.map { GradientClipping(norm: $0) },
      scaling: lossScaling, averages: averages, compression: compression)
    guard gradientAccumulation == 1 else {
      return try GradientAccumulation(updates: updates).apply(program, ownResults: ownResults)
    }
    var writer = EntryWriter(program, .step)
    updates.write(writer.takeGradients(after: ownResults), &writer)
    return try writer.finished()
  }

  /// A traced program with what this run says of its slots: which are trained, and the counters.
  private func settled(_ traced: Program) throws -> Program {
    var program = try freezing(adaptation?.apply(traced) ?? traced)
    if let seedSlot = program.slots.firstIndex(where: { $0.name == RunState.seedName }) {
      program.slots[seedSlot].initializer = .word(seed)
    }
    let counter = program.slots.firstIndex { $0.name == RunState.microBatchName }
    guard let counter, gradientAccumulation == 1 else { return program }
    return program.fixing(slot: counter, at: 0)
  }

  private func freezing(_ program: Program) throws -> Program {
    var program = program
    let example = program.slots.first?.name ?? "weight"
    for pattern in frozen {
      let slots = program.slots.indices.filter { pattern.matches(program.slots[$0].name) }
      guard !slots.isEmpty else {
        throw TrainingError(
          what: "nothing of the model is called '\(pattern)'", place: "frozen",
          fix: "name a module or parameter, such as '\(example)'; * stands for any text")
      }
      for slot in slots { program.slots[slot].isTrainable = false }
    }
    guard program.slots.contains(where: \.isTrainable) else {
      throw TrainingError(
        what: "no parameter of the model is trainable", place: "frozen",
        fix: "freeze less, or evaluate the model instead of training it")
    }
    return program
  }
}

extension Program {
  /// Moves the totals that `evaluate` also returns to an entry of their own, ``EntryName/forward``.
  fileprivate mutating func splitTotals() {
    guard let index = entries.firstIndex(where: { $0.name == .evaluate }) else { return }
    let isTotal = { (result: EntryResult) in LossSums.isTotal(result.name) }
    var forward = entries[index]
    forward.name = .forward
    forward.results = forward.results.filter(isTotal)
    entries[index].results.removeAll(where: isTotal)
    entries[index] = entries[index].pruned()
    entries.append(forward.pruned())
  }
}
