import DeepEPElements
import DeepEPExecution
import DeepEPPlans
import DeepEPStorage
import DeepEPTensors

/// The state of a run on this rank at one time.
struct StateCopy {
  private let slots: [(name: String, bytes: [UInt8])]

  init(_ executor: Executor) throws {
    slots = try executor.plan.slots.map { slot in
      (slot.name, try executor.withSlot(slot.name) { Array($1) })
    }
  }

  func restore(_ executor: Executor) throws {
    for slot in slots {
      try executor.withSlot(slot.name) { $1.copyBytes(from: slot.bytes) }
    }
  }
}

extension TrainingSession {
  /// Throws on all ranks if a slot of one of them is not finite any more; collective over all ranks.
  func checkState() throws {
    let first = try Finding.first(firstNonFiniteSlot(), among: ranks)
    if let first { throw diverged(first.text) }
  }

  private func firstNonFiniteSlot() throws -> Finding? {
    for (place, slot) in plan.slots.enumerated() {
      let found = try executor.withSlot(slot.name) { type, bytes in
        NonFiniteElements(type.element, UnsafeRawBufferPointer(bytes))
      }
      guard !found.isEmpty else { continue }
      let text = found.text(shape: slot.type.shape)
      return Finding(place: place, text: "\(slot.name) is not finite: \(text)")
    }
    return nil
  }

  /// What a failed step is to say: which operation has made the first number that is not finite, found by making the
  /// step again, and the file that has the step; collective over all ranks.
  func explained(
    _ error: TrainingError, from before: StateCopy, _ batches: [Batch], of loader: some BatchLoader,
    startingAt position: Int
  ) throws -> TrainingError {
    guard let captureFolder else { return error }
    try before.restore(executor)
    var first = FirstNonFinite()
    executor.watch = { first.look(at: $0, $1) }
    defer { executor.watch = nil }
    _ = try runCalls(batches)
    try before.restore(executor)
    let path = "\(captureFolder)/capture-step-\(step)"
    let found =
      try Finding.first(first.finding, among: ranks)
      .map { "; the first result that is not finite: \($0.text)" } ?? ""
    try writeCapture(
      to: path, problem: error.what + found, startingAt: position,
      try batches.indices.map {
        try wholeBatch($0, batches[$0], of: loader, startingAt: position)
      })
    return TrainingError(
      what: error.what + found, place: error.place,
      fix: "run the step on the interpreter: deepep replay \(path)")
  }

  /// The arrays of a micro-batch for all ranks.
  private func wholeBatch(
    _ index: Int, _ own: Batch, of loader: some BatchLoader, startingAt position: Int
  ) throws -> [BatchArray] {
    guard ranks != nil else { return try follow(own).arrays }
    return try loader.batch(atExample: position + index * loader.batchSize).arrays
  }

  private func writeCapture(
    to path: String, problem: String, startingAt position: Int, _ batches: [[BatchArray]]
  ) throws {
    let arrays = batches.enumerated().flatMap { index, arrays in
      arrays.map { array in
        TensorToWrite(
          NumericsCapture.name(array.tensor.name, microBatch: index), array.tensor.element,
          array.tensor.shape, bytes: array.bytes)
      }
    }
    let notes = NumericsCapture.notes(program, schedule, rules.strategy.precision, problem: problem)
    try state.write(
      CheckpointState(step: step - 1, dataPosition: position, notes: notes), to: path,
      beside: arrays)
  }
}
