import DeepEPCompute
import DeepEPElements
import DeepEPEvents
import DeepEPExecution
import DeepEPPlans
import DeepEPProfiling
import DeepEPStorage
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms

/// A program of a training run with its memory on a device.
package final class TrainingSession {
  /// The program before lowering; of a model that asks for values that of the last batch.
  package private(set) var program: Program
  /// The executor of ``program``.
  package private(set) var executor: Executor
  /// The number of updates made.
  package private(set) var step = 0
  /// The number of examples consumed.
  package private(set) var dataPosition = 0
  /// The entries of a step, in the order of their calls.
  package let schedule: Schedule
  /// Finds the program for each batch; nil if there is only the one.
  private let programs: ModelPrograms?
  let rules: ShardingRules
  /// Where a step that is not finite is captured; nil looks for none.
  var captureFolder: String?
  /// The other ranks; nil if there are none.
  let ranks: RankCommunicators?
  private let device: CPUDevice
  /// How the kernels were made; nil before.
  private(set) var compilation: Compilation?
  /// Where the time of the steps went, without the first one.
  private(set) var time = TimeSummary()
  /// The statistics of tapped values in the last step; none if they are not recorded.
  private(set) var taps: [TapReport] = []
  /// The learning rate of the last update.
  private(set) var learningRate = 0.0
  /// The norm of all gradients of the last update, before it was clipped; nil if it is not.
  private(set) var gradientNorm: Double?
  /// Whether a step was made: the first one touches memory for the first time.
  private var isWarm = false

  /// Lowers a program and reserves its memory; slots are zero until they are initialised or loaded.
  ///
  /// - Parameters:
  ///   - program: The program.
  ///   - gradientAccumulation: The number of batches of an update.
  ///   - strategy: How it is lowered.
  ///   - device: What runs it.
  ///   - optimizations: What lowering may do beyond what the device needs.
  ///   - ranks: The other ranks, if the strategy has several.
  package init(
    _ program: Program, gradientAccumulation: Int = 1, strategy: Strategy = Strategy(),
    on device: CPUDevice, optimizations: Set<Optimization> = .all, ranks: RankCommunicators? = nil
  ) throws {
    self.program = program
    programs = nil
    rules = ShardingRules(strategy)
    self.ranks = ranks
    self.device = device
    schedule = Schedule(program, microBatches: gradientAccumulation)
    executor = try SharedState(program.slots).executor(
      program, strategy: strategy, on: device, optimizations: optimizations, ranks: ranks,
      admit: MemoryBudget.host(ranks: ranks?.all.rankCount ?? 1).check)
  }

  /// Traces a model with a loader's first batch, lowers its program and reserves its memory.
  package init(
    _ programs: ModelPrograms, _ loader: some BatchLoader, gradientAccumulation: Int = 1
  ) throws {
    self.programs = programs
    let first = try programs.program(for: loader.inputs) { try loader.batch(atExample: 0) }
    (program, executor) = (first.compiled.program, first.compiled.executor)
    rules = ShardingRules(programs.strategy)
    ranks = programs.ranks
    device = programs.device
    schedule = Schedule(program, microBatches: gradientAccumulation)
  }

  /// What this rank reads of each batch.
  private var share: BatchShare { BatchShare(ranks) }

  /// Goes over to the program for a batch; returns the batch with what the model passes in beside it.
  func follow(_ batch: Batch) throws -> Batch {
    guard let programs else { return batch }
    let whole = batch.arrays.map { share.whole($0.tensor) }
    let found = try programs.program(for: whole) { batch }
    (program, executor) = (found.compiled.program, found.compiled.executor)
    guard schedule == Schedule(program, microBatches: schedule.microBatchCount) else {
      throw TrainingError(
        what: "batches need different schedules of entries", place: "model",
        fix:
          "let the number of predictions that count depend on the targets in every path, or in none"
      )
    }
    return Batch(batch.arrays + found.passed, validCount: batch.validCount)
  }

  /// The plan.
  package var plan: Plan { executor.plan }

  /// How long a step is expected to take, and how much of it waits for other ranks; nil if there are none.
  package var forecast: StepForecast? {
    ranks.map { StepForecast(plan, schedule, links: device.links, mesh: $0.mesh) }
  }

  /// The bytes that a rank keeps and exchanges; nil without other ranks.
  package var rankBytes: RankBytes? {
    ranks.map { _ in RankBytes(program, plan, rules.strategy, schedule) }
  }

  /// What this rank has sent since a time, by the names of the operations.
  package func sentBytes(since startSeconds: Double) -> [String: Int] {
    let events = ranks?.all.log?.recent.filter { $0.startSeconds >= startSeconds } ?? []
    return events.reduce(into: [:]) { $0[$1.name, default: 0] += $1.sentBytes }
  }

  /// The number of the loader's batches that a step takes.
  package var batchesPerStep: Int { schedule.microBatchCount }

  /// Floating-point operations of the contractions of a step, those inside of regions included, and
  /// counted as if nothing was masked.
  package private(set) lazy var contractionFlops: Double = {
    schedule.calls.compactMap { plan.segment($0.entry) }.flatMap(\.instructions)
      .reduce(0) { total, instruction in
        switch instruction.operation {
        case is Contraction: total + instruction.flops
        case let region as Region: total + region.contractionFlops
        default: total
        }
      }
  }()

  /// Compiles the kernels of a step and of the first values, all together.
  package func prepare() throws {
    let start = Clock.seconds
    try executor.prepare([.initialize] + schedule.entries)
    compilation = Compilation(seconds: Clock.seconds - start, device.compiler.library)
  }

  /// How fast the device computes at best, in units of 10^9 operations a second.
  package func peakGigaflops() throws -> Double { try ArithmeticPeak.gigaflops(of: device) }

  /// Gives every slot its first value.
  package func initialize() throws {
    try executor.call(.initialize)
  }

  /// Makes one update from the next examples of a loader.
  ///
  /// - Returns: The loss before the update.
  /// - Throws: The loader's and the device's errors; ``TrainingError`` if the loss is not finite, or
  ///   gradients are not even at the smallest loss scale.
  package func step(_ loader: some BatchLoader) throws -> Double {
    let before = try captureFolder.map { _ in try StateCopy(executor) }
    let (start, position) = (Clock.seconds, dataPosition)
    let batches = try (0..<schedule.microBatchCount).map {
      try share.batch(of: loader, atExample: dataPosition + $0 * loader.batchSize)
    }
    let dataSeconds = Clock.seconds - start
    executor.record(
      Event(
        name: "data", queue: .storage, work: .data, startSeconds: start,
        durationSeconds: dataSeconds))
    let (loss, calls) = try runCalls(batches)
    var parts = calls
    parts[.data] = dataSeconds
    dataPosition += batches.count * loader.batchSize
    step += 1
    let seconds = Clock.seconds - start
    executor.record(
      Event(
        name: "step \(step)", queue: .host, startSeconds: start, durationSeconds: seconds))
    if isWarm { time.add(seconds: seconds, parts) }
    isWarm = true
    do {
      try checkHealth(loss)
      if before != nil { try checkState() }
    } catch let error as TrainingError {
      throw try before.map {
        try explained(error, from: $0, batches, of: loader, startingAt: position)
      } ?? error
    }
    return loss
  }

  /// Makes the calls of a step; returns the loss, and where the time went.
  func runCalls(_ batches: [Batch]) throws -> (loss: Double, seconds: WorkSeconds) {
    var (loss, parts) = (0.0, WorkSeconds())
    for call in schedule.calls {
      let inputs = try inputs(of: call, batches)
      let before = executor.events.seconds
      try executor.call(call.entry, inputs)
      parts += executor.events.seconds - before
      if returns("loss", call.entry) { loss += try scalar("loss", of: call.entry) }
      let tapped = try taps(of: call.entry)
      if !tapped.isEmpty { taps = tapped }
      if returns(ParameterUpdates.learningRateName, call.entry) {
        learningRate = try scalar(ParameterUpdates.learningRateName, of: call.entry)
      }
      if returns(GradientClipping.resultName, call.entry) {
        gradientNorm = try scalar(GradientClipping.resultName, of: call.entry)
      }
    }
    return (loss, parts)
  }

  /// The statistics that a call has just returned; they are gone with the next call.
  private func taps(of entry: EntryName) throws -> [TapReport] {
    try (program.entry(entry)?.results ?? []).compactMap { result in
      guard let (name, isGradient) = TapStatistics.tapped(result.name) else { return nil }
      let numbers = try executor.result(result.name, of: entry).doubles
      return TapReport(name, isGradient: isGradient, numbers)
    }
  }

  /// The arrays that a call takes, by name.
  private func inputs(of call: EntryCall, _ batches: [Batch]) throws -> [[UInt8]] {
    guard let microBatch = call.microBatch else { return [] }
    return try inputs(of: call.entry, follow(batches[microBatch]))
  }

  private func inputs(of entry: EntryName, _ batch: Batch) throws -> [[UInt8]] {
    try program.entry(entry)?.inputs.map { try batch.array(named: $0.name).bytes } ?? []
  }

  private func returns(_ name: String, _ entry: EntryName) -> Bool {
    program.entry(entry)?.results.contains { $0.name == name } ?? false
  }

  /// Throws if training cannot go on; while the loss scale can still shrink, it can.
  private func checkHealth(_ loss: Double) throws {
    let updater = schedule.calls.last?.entry ?? .step
    guard returns(LossScaling.skippedName, updater) else {
      if !loss.isFinite { throw diverged("the loss is \(loss)") }
      return
    }
    let isSkipped = try scalar(LossScaling.skippedName, of: updater) != 0
    let scale = try executor.withSlot(LossScaling.scaleName) { _, bytes in
      bytes.load(as: Float.self)
    }
    if isSkipped, scale <= 1 {
      throw diverged("the loss is \(loss), and gradients are not finite at the smallest loss scale")
    }
  }

  func diverged(_ what: String) -> TrainingError {
    TrainingError(
      what: what, place: "step \(step)",
      fix:
        "lower the learning rate, or look for bad values in the data; --debug-numerics (in Swift "
        + "debugsNumerics) says which operation was the first")
  }

  private func scalar(_ name: String, of entry: EntryName) throws -> Double {
    try executor.result(name, of: entry).doubles.first ?? .nan
  }

  /// The loss over the held-out data; nil if the loader holds nothing out, or nothing of it counts.
  ///
  /// - Parameter entry: What evaluates: by the parameters, or by their moving averages.
  package func evaluate(
    _ loader: some BatchLoader, by entry: EntryName = .evaluate
  ) throws -> Double? {
    let terms = (0...).prefix { returns(LossSums.sumsName($0), entry) }
    var totals = terms.map { _ in (sum: 0.0, count: 0.0) }
    for index in 0..<loader.validationBatchCount {
      let batch = try follow(share.part(of: loader.validationBatch(index)))
      try callUnrecorded(entry, inputs(of: entry, batch))
      for term in terms {
        let sums = try executor.result(LossSums.sumsName(term), of: entry).doubles
        let counts = try executor.result(LossSums.countsName(term), of: entry).doubles
        totals[term].sum += sums.prefix(batch.validCount).reduce(0, +)
        totals[term].count += counts.prefix(batch.validCount).reduce(0, +)
      }
    }
    guard totals.contains(where: { $0.count > 0 }) else { return nil }
    return totals.reduce(0) { $0 + ($1.count == 0 ? 0 : $1.sum / $1.count) }
  }

  /// Events are of steps: those of an evaluation would push them out.
  private func callUnrecorded(_ entry: EntryName, _ inputs: [[UInt8]]) throws {
    let executor = executor
    let recordsEvents = executor.recordsEvents
    executor.recordsEvents = false
    defer { executor.recordsEvents = recordsEvents }
    try executor.call(entry, inputs)
  }

  // MARK: State

  /// The program and the executor that know every slot.
  private var holder: ModelPrograms.Compiled {
    programs?.largest ?? ModelPrograms.Compiled(program: program, executor: executor)
  }

  /// The slots that a checkpoint holds: accumulators are empty between steps, and residuals belong to ranks.
  private var lasting: [Slot] { holder.program.slots.filter { !passing.contains($0.kind) } }
  private var passing: Set<SlotKind> { [.accumulator, .residual] }

  var state: LogicalState {
    LogicalState(slots: lasting, executor: holder.executor, rules: rules, ranks: ranks)
  }

  /// The state as a checkpoint holds it, in the order of the slots.
  package func tensorsToWrite() throws -> [TensorToWrite] { state.tensorsToWrite() }

  /// Writes a checkpoint, on the first rank; collective over all ranks.
  package func write(
    to path: String, modelConfiguration: String = "", tokenizer: String = "",
    notes: [String: String] = [:]
  ) throws {
    try state.write(
      CheckpointState(
        step: step, dataPosition: dataPosition, modelConfiguration: modelConfiguration,
        tokenizer: tokenizer, notes: notes), to: path)
  }

  /// Takes the weights and statistics of a trained model in place of first values; averages begin with them.
  ///
  /// - Throws: ``StorageError`` if they are of another model.
  package func load(_ model: some PretrainedModel) throws {
    let (slots, state) = (lasting, state)
    let own = slots.filter {
      [.parameter, .statistic].contains($0.kind) && !LowRankAdaptation.isAdapter($0.name)
    }
    let weights = try PretrainedWeights(model, for: own)
    for slot in own {
      try weights[slot]?.withBytes { source in
        try state.read(slot, fromWhole: source)
        let average = slots.first { $0.name == MovingAverages.name(slot.name) }
        if let average { try state.read(average, fromWhole: source) }
      }
    }
  }

  /// Continues from a checkpoint, whatever strategy wrote it; where the run that wrote it scaled no loss, the
  /// scale starts anew.
  ///
  /// - Throws: ``StorageError`` if the checkpoint is of another model.
  package func restore(_ checkpoint: Checkpoint) throws {
    let (holder, state) = (holder, state)
    try checkpoint.check(
      state.tensors, extent: .everything,
      optional: LossScaling.slotNames.union(NumericsCapture.arrays(of: checkpoint)))
    let known = Set(checkpoint.file.tensors.map(\.name))
    for slot in lasting where !known.contains(slot.name) {
      try holder.executor.withSlot(slot.name) { $1.copyBytes(from: slot.uniformFirstValue.bytes) }
    }
    for slot in lasting where known.contains(slot.name) {
      try state.read(slot, from: checkpoint)
    }
    for slot in holder.program.slots where passing.contains(slot.kind) {
      try holder.executor.withSlot(slot.name) { _, bytes in
        _ = bytes.initializeMemory(as: UInt8.self, repeating: 0)
      }
    }
    (step, dataPosition) = (checkpoint.state.step, checkpoint.state.dataPosition)
  }
}

extension Slot {
  /// The first value of a slot whose elements start alike.
  fileprivate var uniformFirstValue: HostArray {
    var number = 0.0
    if case .constant(let first) = initializer { number = first }
    return HostArray(
      type.element, type.shape, Array(repeating: number, count: type.elementCount))
  }
}
