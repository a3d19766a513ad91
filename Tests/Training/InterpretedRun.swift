import DeepEPElements
import DeepEPLaws
import DeepEPPlans
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining

/// A training run on the interpreter in float64: the oracle of what a session does.
struct InterpretedRun {
  private var interpreter: Interpreter
  private let schedule: Schedule
  private var position = 0

  /// Starts a run of a program.
  init(_ program: Program, microBatches: Int = 1) throws {
    let program = try program.inFloat64()
    try program.verify()
    schedule = Schedule(program, microBatches: microBatches)
    interpreter = try Interpreter(program)
    _ = try interpreter.call(.initialize)
  }

  /// The numbers of a slot.
  func slot(_ name: String) -> [Double] {
    guard let index = interpreter.program.slots.firstIndex(where: { $0.name == name }) else {
      return []
    }
    return interpreter.slots[index].doubles
  }

  /// The slots by name.
  var state: [String: [Double]] {
    Dictionary(
      uniqueKeysWithValues: interpreter.program.slots.map { ($0.name, slot($0.name)) })
  }

  /// Makes one update from the next batches of a loader; returns the loss.
  mutating func step(_ loader: ArrayLoader) throws -> Double {
    var loss = 0.0
    for call in schedule.calls {
      var inputs: [HostArray] = []
      if let microBatch = call.microBatch {
        let batch = try loader.batch(atExample: position + microBatch * loader.batchSize)
        inputs = try arrays(call.entry, batch)
      }
      let results = try interpreter.call(call.entry, inputs)
      loss += results["loss"]?.doubles[0] ?? 0
    }
    position += schedule.microBatchCount * loader.batchSize
    return loss
  }

  /// What an entry returns for a batch.
  mutating func call(_ entry: EntryName, _ batch: Batch) throws -> [String: HostArray] {
    try interpreter.call(entry, arrays(entry, batch))
  }

  private func arrays(_ entry: EntryName, _ batch: Batch) throws -> [HostArray] {
    let inputs = interpreter.program.entry(entry)?.inputs ?? []
    return try inputs.map { input in
      let array = try batch.array(named: input.name)
      return array.bytes.withUnsafeBytes { bytes in
        let given = HostArray(array.tensor.element, array.tensor.shape, bytes: bytes)
        return HostArray(input.type.element, input.type.shape, given.doubles)
      }
    }
  }
}

/// The largest difference of two lists of numbers; infinite if they are not alike.
func distance(_ first: [Double], _ second: [Double]) -> Double {
  guard first.count == second.count else { return .infinity }
  return zip(first, second).map { $0 == $1 ? 0 : abs($0 - $1) }.max() ?? 0
}
