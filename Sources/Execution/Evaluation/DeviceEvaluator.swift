import DeepEPCompute
import DeepEPTensors

/// Answers questions of model code on a device, with parameters from a session's state.
///
/// A question is lowered and compiled once for each structure: the operations, attributes, types and
/// slots of what the asked value depends on, cut at values that are known already. Structures are
/// compared whole, not by a hash alone. The last 256 are kept.
package final class DeviceEvaluator: Evaluator {
  private let device: CPUDevice
  private let state: SharedState
  private let slot: (NamedParameter) throws -> Int
  private var executors = StructureCache<EntryStructure, Executor>(capacity: 256)

  /// Makes an evaluator.
  ///
  /// - Parameters:
  ///   - device: Where values are computed.
  ///   - state: Where parameters are.
  ///   - slot: The slot of a parameter, which holds its value.
  package init(
    on device: CPUDevice, state: SharedState, slot: @escaping (NamedParameter) throws -> Int
  ) {
    self.device = device
    self.state = state
    self.slot = slot
  }

  /// How many questions were compiled: the number of their distinct structures.
  package var compilationCount: Int { executors.makeCount }

  package func value(
    of entry: Entry, parameters: [NamedParameter], inputs: [[UInt8]]
  ) throws -> HostArray {
    let map = try parameters.map(slot)
    let entry = entry.renumberingSlots { map[$0] }
    let executor = try executors.value(for: EntryStructure(entry)) {
      let made = try state.executor(Program(slots: state.slots, entries: [entry]), on: device)
      made.recordsEvents = false
      return made
    }
    try executor.call(entry.name, inputs)
    return try executor.result("value", of: entry.name)
  }
}
