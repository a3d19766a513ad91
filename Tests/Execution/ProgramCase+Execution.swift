import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors

extension ProgramCase {
  /// What a plan of this program computes on a device.
  func executed(_ plan: Plan, on device: CPUDevice) throws -> Outcome {
    let executor = try Executor(plan, on: device)
    try executor.prepare(program.entries.map(\.name))
    for (slot, value) in zip(program.slots, slots) { try executor.write(value, to: slot.name) }
    var outcome = Outcome()
    for (index, name) in calls.enumerated() {
      try executor.call(name, inputs(ofCall: index).map(\.bytes))
      var results: [String: HostArray] = [:]
      for result in program.entry(name)?.results ?? [] {
        results[result.name] = try executor.result(result.name, of: name)
      }
      outcome.add(results, ofCall: index, name)
    }
    outcome.slots = try program.slots.map { ($0.name, try executor.slot($0.name)) }
    return outcome
  }
}

extension CPUDevice {
  /// Compiles the kernels of plans, all at the same time, so that they are known afterwards.
  func prepare(_ plans: [Plan]) throws {
    let instructions = plans.flatMap(\.segments).flatMap(\.instructions)
    _ = try kernels(
      instructions.map {
        KernelRequest(
          operation: $0.operation, operandTypes: $0.operandTypes, resultTypes: $0.resultTypes,
          overwrites: $0.overwrites)
      })
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
