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

  package init(
    optimizer: any Optimizer, clipNorm: Double? = nil, gradientAccumulation: Int = 1,
    seed: UInt64 = 0
  ) {
    self.optimizer = optimizer
    self.clipNorm = clipNorm
    self.gradientAccumulation = gradientAccumulation
    self.seed = seed
  }

  /// The number of updates made, an int32 scalar.
  package static let stepSlot = "optimizer.step"

  /// The name of an optimiser's tensor for a parameter.
  package static func stateName(_ state: String, of parameter: String) -> String {
    Checkpoint.optimizerName(state, of: parameter)
  }

  /// Traces a model with its loss, without gradients; `evaluation` answers if the code asks for values.
  package static func traced(
    _ model: some Module, _ loss: Loss, inputs: [TensorDescription], evaluation: Evaluation? = nil
  ) throws -> Program {
    let parameters = model.parameters
    guard !parameters.isEmpty else {
      throw TrainingError(
        what: "the model has no parameters", place: "\(type(of: model))",
        fix: "keep parameters and modules in stored 'let' properties of modules")
    }
    var program = Program()
    let inputs = inputs.map { EntryInput(name: $0.name, type: Type($0.element, $0.shape)) }
    guard inputs.count == 2 else {
      throw TrainingError(
        what: "the loader yields \(inputs.count) arrays", place: "batch",
        fix: "yield two: the model's input and the targets")
    }
    try program.trace(
      .evaluate, inputs: inputs, parameters: parameters, evaluation: evaluation
    ) { inputs in
      let losses = loss.losses(model(inputs[0]), inputs[1])
      let rest = Array(losses.shape.indices.dropFirst())
      return [("loss", losses.mean()), ("examples", losses.mean(rest))]
    }
    return program
  }

  /// The whole program for a traced one: gradients, updates, first values.
  package func completed(_ traced: Program) throws -> Program {
    let differentiated = try Gradient().apply(traced)
    var program = differentiated
    program.slots.append(
      Slot(name: Self.stepSlot, type: Type(.int32, []), initializer: .zeros, kind: .counter))
    let updated =
      gradientAccumulation == 1
      ? try addingUpdates(to: program) : try addingAccumulation(to: program)
    return try InitializerWriter(seed: seed).adding(to: updated)
  }

  // MARK: Updates

  private struct Gradients {
    var trace: Trace
    /// The slot of each parameter and the gradient of the loss by it.
    var all: [(slot: Int, gradient: Tensor)]
  }

  /// Updates in the entry that computes the gradients.
  private func addingUpdates(to program: Program) throws -> Program {
    var program = program
    guard let index = program.entries.firstIndex(where: { $0.name == .step }) else {
      return program
    }
    var entry = program.entries[index]
    let gradients = gradients(of: entry, program)
    entry.results = [entry.results[0]]
    try writeUpdates(gradients, &program, &entry)
    program.entries[index] = entry
    return program
  }

  private func gradients(of entry: Entry, _ program: Program) -> Gradients {
    let trace = Trace(entry.graph, isRoot: true)
    trace.origin = Origin(phase: .update)
    let all = entry.results.dropFirst().compactMap { result in
      program.slots.firstIndex { $0.name == result.name }.map {
        (slot: $0, gradient: Tensor(trace, result.value))
      }
    }
    return Gradients(trace: trace, all: all)
  }

  private func writeUpdates(
    _ gradients: Gradients, _ program: inout Program, _ entry: inout Entry
  ) throws {
    let trace = gradients.trace
    guard let stepSlot = program.slots.firstIndex(where: { $0.name == Self.stepSlot }) else {
      return
    }
    let step = trace.read(slot: stepSlot, of: program)
    let scale = clipScale(gradients.all.map(\.gradient), trace, &entry)
    for (slot, gradient) in gradients.all {
      trace.origin.path = program.slots[slot].name
      let clipped = scale.map { gradient * $0 } ?? gradient
      let state = optimizer.stateNames.map { stateSlot($0, of: slot, &program) }
      let (parameter, newState) = optimizer.updated(
        trace.read(slot: slot, of: program), gradient: clipped,
        state: state.map { trace.read(slot: $0, of: program) }, step: step)
      try update([slot] + state, [parameter] + newState, trace, &entry)
    }
    try update([stepSlot], [step + 1], trace, &entry)
    entry.graph = trace.graph
  }

  private func update(
    _ slots: [Int], _ tensors: [Tensor], _ trace: Trace, _ entry: inout Entry
  ) throws {
    for (slot, tensor) in zip(slots, tensors) {
      let value = trace.adopt(tensor)
      if let error = trace.error { throw error }
      if let value { entry.updates.append(SlotUpdate(slot: slot, value: value)) }
    }
  }

  private func stateSlot(_ name: String, of parameter: Int, _ program: inout Program) -> Int {
    let owner = program.slots[parameter]
    let name = Self.stateName(name, of: owner.name)
    if let known = program.slots.firstIndex(where: { $0.name == name }) { return known }
    program.slots.append(
      Slot(name: name, type: owner.type, initializer: .zeros, axes: owner.axes, kind: .optimizer))
    return program.slots.count - 1
  }

  /// What gradients are multiplied by so that their norm is at most the limit (Pascanu, Mikolov,
  /// Bengio: On the difficulty of training recurrent neural networks, 2013).
  private func clipScale(_ gradients: [Tensor], _ trace: Trace, _ entry: inout Entry) -> Tensor? {
    guard let clipNorm, let first = gradients.first else { return nil }
    let squares = gradients.map { ($0 * $0).sum() }
    let norm = squares.dropFirst().reduce((first * first).sum()) { $0 + $1 }.squareRoot()
    if let value = norm.value {
      entry.results.append(EntryResult(name: "gradient_norm", value: value))
    }
    return (clipNorm / (norm + 1e-6)).minimum(norm.filled(with: 1))
  }

  // MARK: Accumulation

  /// Two entries: one that adds gradients to accumulators, one that updates from them and empties
  /// them.
  private func addingAccumulation(to program: Program) throws -> Program {
    var program = program
    guard let index = program.entries.firstIndex(where: { $0.name == .step }) else {
      return program
    }
    var entry = program.entries[index]
    entry.name = .accumulate
    let gradients = gradients(of: entry, program)
    entry.results = [entry.results[0]]
    let slots = gradients.all.map { accumulator(of: $0.slot, &program) }
    for (slot, gradient) in zip(slots, gradients.all.map(\.gradient)) {
      let sum = gradients.trace.read(slot: slot, of: program) + gradient
      try update([slot], [sum], gradients.trace, &entry)
    }
    entry.graph = gradients.trace.graph
    program.entries[index] = entry
    return try addingUpdate(from: slots, parameters: gradients.all.map(\.slot), to: program)
  }

  private func addingUpdate(
    from accumulators: [Int], parameters: [Int], to program: Program
  ) throws -> Program {
    var program = program
    var entry = Entry(name: .update)
    let trace = Trace(isRoot: true)
    trace.origin = Origin(phase: .update)
    let share = 1 / Double(gradientAccumulation)
    let means = accumulators.map { trace.read(slot: $0, of: program) * share }
    let all = zip(parameters, means).map { (slot: $0, gradient: $1) }
    try writeUpdates(Gradients(trace: trace, all: all), &program, &entry)
    try update(accumulators, means.map { $0.filled(with: 0) }, trace, &entry)
    entry.graph = trace.graph
    program.entries.append(entry)
    return program
  }

  private func accumulator(of parameter: Int, _ program: inout Program) -> Int {
    let owner = program.slots[parameter]
    program.slots.append(
      Slot(
        name: Self.stateName("gradient", of: owner.name), type: owner.type, initializer: .zeros,
        axes: owner.axes,
        kind: .accumulator))
    return program.slots.count - 1
  }
}
