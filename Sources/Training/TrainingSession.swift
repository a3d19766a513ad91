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
  /// The program before lowering.
  package let program: Program
  /// The executor.
  package let executor: Executor
  /// The number of updates made.
  package private(set) var step = 0
  /// The number of examples consumed.
  package private(set) var dataPosition = 0
  private let gradientAccumulation: Int

  /// Lowers a program and reserves its memory; slots are zero until they are initialised or loaded.
  package init(_ program: Program, gradientAccumulation: Int = 1, on device: CPUDevice) throws {
    self.program = program
    self.gradientAccumulation = gradientAccumulation
    let plan = try Plan(program.applying(Program.lowering), for: device)
    executor = try Executor(plan, on: device)
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
      try executor.call(entry, batch.arrays.map(\.bytes))
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
      try executor.call(.evaluate, batch.arrays.map(\.bytes))
      let losses = try executor.result("examples", of: .evaluate).doubles
      total += losses.prefix(batch.validCount).reduce(0, +)
      count += batch.validCount
    }
    return count == 0 ? nil : total / Double(count)
  }

  // MARK: State

  /// The state as a checkpoint holds it, in the order of the slots.
  package func tensorsToWrite() throws -> [TensorToWrite] {
    plan.slots.map { slot in
      TensorToWrite(slot.name, slot.type.element, slot.type.shape) { [executor] consume in
        try executor.withSlot(slot.name) { _, bytes in try consume(UnsafeRawBufferPointer(bytes)) }
      }
    }
  }

  /// Continues from a checkpoint.
  ///
  /// - Throws: ``StorageError`` if the checkpoint is of another model.
  package func restore(_ checkpoint: Checkpoint) throws {
    let expected = plan.slots.map { TensorDescription($0.name, $0.type.element, $0.type.shape) }
    try checkpoint.check(expected, extent: .everything)
    for slot in plan.slots {
      try checkpoint.tensor(named: slot.name).withBytes { source in
        try executor.withSlot(slot.name) { _, target in target.copyMemory(from: source) }
      }
    }
    (step, dataPosition) = (checkpoint.state.step, checkpoint.state.dataPosition)
  }
}
