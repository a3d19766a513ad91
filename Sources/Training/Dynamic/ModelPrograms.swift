import DeepEPCompute
import DeepEPExecution
import DeepEPStorage
import DeepEPTensors
import DeepEPTransforms

/// The programs of one model, each compiled once, on one state.
///
/// A model is traced once for each type of input. One that asked for a value while it was traced, or
/// passed a number in, is traced again for every batch, with that batch; its programs are kept by
/// their structure (operations, attributes, types and slots of the model with its loss, compared
/// whole), the last 64 of them. So a program is compiled once for each path that batches take.
///
/// Parameters that a path does not use stay as they are, with their optimiser's state, as in PyTorch;
/// with gradient accumulation a path is one of several that make an update, and unused parameters
/// have a gradient of zero.
package final class ModelPrograms {
  /// How a program is traced for arrays of a batch.
  package typealias Trace = (_ inputs: [TensorDescription], _ evaluation: Evaluation) throws ->
    Program

  /// A compiled program.
  package struct Compiled {
    /// The program before lowering.
    package var program: Program
    /// What runs it.
    package var executor: Executor
  }

  private let parameters: [NamedParameter]
  private let parameterSlots: [Slot]
  private let builder: ProgramBuilder
  /// How the programs are spread over ranks.
  package let strategy: Strategy
  /// How much memory each of them may take.
  private let budget: MemoryBudget
  /// What runs them.
  package let device: CPUDevice
  private let trace: Trace
  private let state = SharedState()
  /// Numbers slots for comparisons; it has no memory.
  private let numbers = SharedState()
  private var firstValues: FirstValues
  private var fixed: [[TensorDescription]: Compiled] = [:]
  private var paths = StructureCache<[EntryStructure], Compiled>(capacity: 64)
  private var isDeclared = false
  private var evaluator: DeviceEvaluator?
  private let meeting: RankMeeting?
  /// The other ranks, once the first program is known; nil if there are none.
  package private(set) var ranks: RankCommunicators?
  /// The program that knows the most slots.
  package private(set) var largest: Compiled?

  /// Describes the programs of a model; nothing is traced yet.
  ///
  /// - Parameters:
  ///   - budget: How much memory each of them may take.
  ///   - meeting: How the ranks come together once they know the first program.
  package init(
    of parameters: [NamedParameter], _ builder: ProgramBuilder, strategy: Strategy = Strategy(),
    on device: CPUDevice, budget: MemoryBudget = .host(), meeting: RankMeeting? = nil,
    trace: @escaping Trace
  ) {
    self.budget = budget
    self.parameters = parameters
    parameterSlots = parameters.map { Slot($0) }
    self.builder = builder
    self.strategy = strategy
    self.device = device
    self.meeting = meeting
    self.trace = trace
    firstValues = FirstValues(seed: builder.seed, device: device)
  }

  /// How many programs were compiled: the number of different ones, as long as none fell out.
  package var compilationCount: Int { fixed.count + paths.makeCount }
  /// How many questions of the model were compiled.
  package var questionCompilationCount: Int { evaluator?.compilationCount ?? 0 }

  /// The program for a batch, and what the model passes in beside it.
  ///
  /// - Parameters:
  ///   - inputs: The types of the batch's arrays.
  ///   - batch: The batch; only called if the model asks for a value.
  package func program(
    for inputs: [TensorDescription], batch: @escaping () throws -> Batch
  ) throws -> (compiled: Compiled, passed: [BatchArray]) {
    if let known = fixed[inputs] { return (known, []) }
    let evaluation = Evaluation(self) { try batch().arrays.map(\.bytes) }
    let traced = try trace(inputs, evaluation)
    guard evaluation.isUsed else {
      let made = try compiled(traced)
      fixed[inputs] = made
      return (made, [])
    }
    guard strategy.rankCount == 1 else {
      throw TrainingError(
        what: "the model asks for values, and '\(strategy)' has \(strategy.rankCount) ranks",
        place: "model", fix: "train it on one rank, or without asking for values")
    }
    let passed = try evaluation.passed.map { input, bytes in
      let array = TensorDescription(input.name, input.type.element, input.type.shape)
      return try BatchArray(array, bytes: bytes)
    }
    return (try path(traced), passed)
  }

  /// The program of one path through a model that asks for values.
  private func path(_ traced: Program) throws -> Compiled {
    let pruned = traced.mapEntries { $0.pruned() }
    let whole = pruned.readingTrainable(parameterSlots)
    if !isDeclared {
      // What a program that uses every parameter has, so that checkpoints do not depend on a path.
      try declare(parameterSlots + builder.completed(whole).slots)
      isDeclared = true
    }
    let program =
      builder.gradientAccumulation == 1
      ? Program(slots: whole.slots, entries: pruned.entries) : whole
    let structures = try numbers.numbering(program).entries.map { EntryStructure($0) }
    return try paths.value(for: structures) { try compiled(program) }
  }

  private func compiled(_ traced: Program) throws -> Compiled {
    var program = try state.numbering(builder.completed(traced))
    if largest == nil {
      ranks = try meeting?.ranks(for: program)
      firstValues.skip(state.slots.indices)
    } else {
      program.entries.removeAll { $0.name == .initialize }
      try firstValues.fill(state)
    }
    let made = Compiled(
      program: program,
      executor: try state.executor(
        program, strategy: strategy, on: device, ranks: ranks, admit: budget.check))
    try meeting?.check(made.executor.plan)
    if program.slots.count > largest?.program.slots.count ?? -1 { largest = made }
    return made
  }

  /// Makes slots, with their first values, as far as they are not there.
  private func declare(_ slots: [Slot]) throws {
    for slot in slots { _ = try state.index(of: slot) }
    try firstValues.fill(state)
  }
}

extension ModelPrograms: Evaluator {
  /// A value that the model asks for while it is traced.
  package func value(
    of entry: Entry, parameters: [NamedParameter], inputs: [[UInt8]]
  ) throws -> HostArray {
    let counters = parameters.compactMap(counter)
    if evaluator == nil || !counters.isEmpty { try declare(parameterSlots + counters) }
    let evaluator = self.evaluator ?? DeviceEvaluator(on: device, state: state, slot: slots())
    self.evaluator = evaluator
    return try evaluator.value(of: entry, parameters: parameters, inputs: inputs)
  }

  private func counter(_ parameter: NamedParameter) -> Slot? {
    Self.counter(parameter, builder.seed)
  }

  /// The slot of a counter of the run, on which dropout depends; nil for a parameter of the model.
  private static func counter(_ parameter: NamedParameter, _ seed: UInt64) -> Slot? {
    guard [.counter, .accumulator].contains(parameter.parameter.kind) else { return nil }
    var slot = Slot(name: parameter.name, parameter.parameter)
    if slot.name == RunState.seedName { slot.initializer = .word(seed) }
    return slot
  }

  private func slots() -> (NamedParameter) throws -> Int {
    let names = zip(parameters, parameterSlots).map { (ObjectIdentifier($0.parameter), $1) }
    let known = Dictionary(names, uniquingKeysWith: { first, _ in first })
    return { [state, seed = builder.seed] parameter in
      if let counter = Self.counter(parameter, seed) { return try state.index(of: counter) }
      guard let slot = known[ObjectIdentifier(parameter.parameter)] else {
        throw TrainingError(
          what: "a value depends on a parameter that is not among the model's properties",
          place: "model", fix: "keep parameters and modules in stored 'let' properties of modules")
      }
      return try state.index(of: slot)
    }
  }
}

extension Program {
  /// The program with a read of every trainable parameter in every entry, so that each has a gradient,
  /// zero where it is not used.
  fileprivate func readingTrainable(_ parameters: [Slot]) -> Program {
    let known = Set(slots.map(\.name))
    let all = slots + parameters.filter { !known.contains($0.name) }
    return Program(slots: all, entries: entries.map { $0.readingTrainable(all) })
  }
}

extension Entry {
  fileprivate func readingTrainable(_ slots: [Slot]) -> Entry {
    var entry = self
    let known = Set(graph.nodes.compactMap { ($0.operation as? Read)?.slot })
    for (index, slot) in slots.enumerated() where slot.isTrainable && !known.contains(index) {
      entry.graph.append(Node(Read(slot: index, type: slot.type), [], types: [slot.type]))
    }
    return entry
  }
}
