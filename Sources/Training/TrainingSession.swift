import DeepEPCompute
import DeepEPElements
import DeepEPEvents
import DeepEPExecution
import DeepEPPlans
import DeepEPStorage
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
  private let gradientAccumulation: Int
  /// Finds the program for each batch; nil if there is only the one.
  private let programs: ModelPrograms?

  /// Lowers a program and reserves its memory; slots are zero until they are initialised or loaded.
  package init(_ program: Program, gradientAccumulation: Int = 1, on device: CPUDevice) throws {
    self.program = program
    self.gradientAccumulation = gradientAccumulation
    programs = nil
    let plan = try Plan(program.applying(Program.lowering), for: device)
    executor = try Executor(plan, on: device)
  }

  /// Traces a model with a loader's first batch, lowers its program and reserves its memory.
  package init(
    _ programs: ModelPrograms, _ loader: some BatchLoader, gradientAccumulation: Int = 1
  ) throws {
    self.programs = programs
    self.gradientAccumulation = gradientAccumulation
    let first = try programs.program(for: loader.inputs) { try loader.batch(atExample: 0) }
    (program, executor) = (first.compiled.program, first.compiled.executor)
  }

  /// Goes over to the program for a batch; returns what the model passes in beside it.
  private func follow(_ batch: Batch, of loader: some BatchLoader) throws -> [[UInt8]] {
    guard let programs else { return [] }
    let found = try programs.program(for: loader.inputs) { batch }
    (program, executor) = (found.compiled.program, found.compiled.executor)
    return found.passed
  }

  /// The plan.
  package var plan: Plan { executor.plan }

  /// The entries of a step, in the order of their calls.
  private var stepEntries: [EntryName] {
    gradientAccumulation == 1
      ? [.step] : Array(repeating: .accumulate, count: gradientAccumulation) + [.update]
  }

  /// The number of the loader's batches that a step takes.
  package var batchesPerStep: Int { gradientAccumulation }

  /// Floating-point operations of the contractions of a step.
  package private(set) lazy var contractionFlops: Double = {
    stepEntries.compactMap { plan.segment($0) }.flatMap(\.instructions)
      .filter { $0.operation is Contraction }.reduce(0) { $0 + $1.flops }
  }()

  /// Compiles the kernels of a step and of the first values, all together.
  package func prepare() throws {
    try executor.prepare([.initialize] + Array(Set(stepEntries)))
  }

  /// Gives every slot its first value.
  package func initialize() throws {
    try executor.call(.initialize)
  }

  /// Makes one update from the next examples of a loader.
  ///
  /// - Returns: The loss before the update.
  /// - Throws: The loader's and the device's errors; ``TrainingError`` if the loss is not finite.
  package func step(_ loader: some BatchLoader) throws -> Double {
    var total = 0.0
    for entry in stepEntries {
      if entry == .update {
        try executor.call(entry)
        continue
      }
      let batch = try loader.batch(atExample: dataPosition)
      let passed = try follow(batch, of: loader)
      try executor.call(entry, batch.arrays.map(\.bytes) + passed)
      dataPosition += loader.batchSize
      total += try scalar("loss", of: entry)
    }
    step += 1
    let loss = total / Double(gradientAccumulation)
    guard loss.isFinite else { throw diverged(loss) }
    return loss
  }

  private func diverged(_ loss: Double) -> TrainingError {
    TrainingError(
      what: "the loss is \(loss)", place: "step \(step)",
      fix: "lower the learning rate, clip gradients, or look for bad values in the data")
  }

  private func scalar(_ name: String, of entry: EntryName) throws -> Double {
    try executor.result(name, of: entry).doubles.first ?? .nan
  }

  /// The mean loss over the held-out data; nil if the loader holds nothing out.
  package func evaluate(_ loader: some BatchLoader) throws -> Double? {
    guard loader.validationBatchCount > 0 else { return nil }
    var (total, count) = (0.0, 0)
    for index in 0..<loader.validationBatchCount {
      let batch = try loader.validationBatch(index)
      let passed = try follow(batch, of: loader)
      try executor.call(.evaluate, batch.arrays.map(\.bytes) + passed)
      let losses = try executor.result("examples", of: .evaluate).doubles
      total += losses.prefix(batch.validCount).reduce(0, +)
      count += batch.validCount
    }
    return count == 0 ? nil : total / Double(count)
  }

  // MARK: State

  /// The executor that knows every slot.
  private var holder: Executor { programs?.largest ?? executor }

  /// The state as a checkpoint holds it, in the order of the slots.
  package func tensorsToWrite() throws -> [TensorToWrite] {
    holder.plan.slots.map { slot in
      TensorToWrite(slot.name, slot.type.element, slot.type.shape) { [holder] consume in
        try holder.withSlot(slot.name) { _, bytes in try consume(UnsafeRawBufferPointer(bytes)) }
      }
    }
  }

  /// Continues from a checkpoint.
  ///
  /// - Throws: ``StorageError`` if the checkpoint is of another model.
  package func restore(_ checkpoint: Checkpoint) throws {
    let expected = holder.plan.slots.map {
      TensorDescription($0.name, $0.type.element, $0.type.shape)
    }
    try checkpoint.check(expected, extent: .everything)
    for slot in holder.plan.slots {
      try checkpoint.tensor(named: slot.name).withBytes { source in
        try holder.withSlot(slot.name) { _, target in target.copyMemory(from: source) }
      }
    }
    (step, dataPosition) = (checkpoint.state.step, checkpoint.state.dataPosition)
  }
}
