import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors

extension RandomProgram {
  /// What a plan of this program computes on a device.
  func executed(_ plan: Plan, on device: CPUDevice, calls: Int = 2) throws -> Outcome {
    let executor = try Executor(plan, on: device)
    for (slot, value) in zip(program.slots, slots) { try executor.write(value, to: slot.name) }
    for _ in 0..<calls { try executor.call(.step, inputs.map(\.bytes)) }
    var results: [String: HostArray] = [:]
    for name in program.entries[0].results.map(\.name) {
      results[name] = try executor.result(name, of: .step)
    }
    return Outcome(results: results, slots: try program.slots.map { try executor.slot($0.name) })
  }
}

extension Executor {
  /// Sets the value of a slot.
  func write(_ value: HostArray, to slot: String) throws {
    try withSlot(slot) { _, bytes in bytes.copyBytes(from: value.bytes) }
  }

  /// The value of a slot.
  func slot(_ name: String) throws -> HostArray {
    try withSlot(name) { type, bytes in
      HostArray(type.element, type.shape, bytes: UnsafeRawBufferPointer(bytes))
    }
  }
}

extension Outcome {
  /// Whether all values have the same bits.
  func isBitwiseEqual(to other: Outcome) -> Bool {
    results.mapValues(\.bytes) == other.results.mapValues(\.bytes)
      && slots.map(\.bytes) == other.slots.map(\.bytes)
  }
}
