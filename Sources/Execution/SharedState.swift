import DeepEPCompute
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms

/// The state of programs that are made one after the other: slots, which only get more, and their
/// memory.
package final class SharedState {
  /// The slots, in the order that all programs have.
  package private(set) var slots: [Slot]
  /// Their memory.
  package let memory = StateArena()
  /// The memory of values of all executors.
  package let values = ValueArena()
  private var indices: [String: Int] = [:]

  /// Makes a state with slots.
  package init(_ slots: [Slot] = []) {
    self.slots = slots
    for (index, slot) in slots.enumerated() { indices[slot.name] = index }
  }

  /// The index of a slot, which is added if there is none of its name.
  ///
  /// - Throws: ``ExecutionError`` if the known one is of another type.
  package func index(of slot: Slot) throws -> Int {
    guard let index = indices[slot.name] else {
      slots.append(slot)
      indices[slot.name] = slots.count - 1
      return slots.count - 1
    }
    guard slots[index].type == slot.type else {
      throw ExecutionError(
        what: "it is \(slots[index].type) and \(slot.type)", place: "slot \(slot.name)",
        fix: "give a parameter one type for the whole run")
    }
    return index
  }

  /// A program with its slots numbered as here; unknown ones are added.
  package func numbering(_ program: Program) throws -> Program {
    let map = try program.slots.map(index)
    let entries = program.entries.map { $0.renumberingSlots { map[$0] } }
    return Program(slots: slots, entries: entries)
  }

  /// An executor of a program that is numbered as here.
  ///
  /// - Parameters:
  ///   - optimizations: What lowering may do beyond what the device needs.
  ///   - ranks: The other ranks, if the strategy has several.
  ///   - admit: Throws if the plan may not be run, before its memory is taken.
  package func executor(
    _ program: Program, strategy: Strategy = Strategy(), on device: CPUDevice,
    optimizations: Set<Optimization> = .all, ranks: RankCommunicators? = nil,
    admit: (Plan) throws -> Void = { _ in }
  ) throws -> Executor {
    let lowering = Program.lowering(strategy, for: device, optimizations)
    let plan = try Plan(program.applying(lowering), for: device, optimizations)
    try admit(plan)
    // Before the plan's memory is taken, so that the peak is that of the steps.
    FreedMemory.giveBack(beside: plan)
    return try Executor(plan, on: device, state: memory, values: values, ranks: ranks)
  }
}
