import DeepEPPlans
import DeepEPTensors

/// The memory of slots, shared by executors whose programs have the same slots in the same order, as
/// far as each goes.
///
/// It grows when a program has more slots than those before; memory never moves.
package final class StateArena {
  private var chunks: [(offsets: Range<Int>, memory: ArenaMemory)] = []
  private var slots: [NamedPlacement] = []

  /// Makes an arena without slots.
  package init() {}

  /// The end of the memory.
  private var byteCount: Int { chunks.last?.offsets.upperBound ?? 0 }

  /// Makes room for the slots of a plan; new ones are zero.
  ///
  /// - Parameter ranks: Who may see them.
  /// - Throws: ``ExecutionError`` if the plan has other slots, or if there is not enough memory.
  func admit(_ plan: Plan, seenBy ranks: RankCommunicators?) throws {
    for (known, slot) in zip(slots, plan.slots) where known != slot {
      throw ExecutionError(
        what: "the slot \(slot.name) is not where another program has \(known.name)",
        place: "state", fix: "number the slots of all programs of a session alike")
    }
    if plan.slots.count > slots.count { slots = plan.slots }
    guard plan.stateBytes > byteCount || chunks.isEmpty else { return }
    let memory = try ArenaMemory(byteCount: plan.stateBytes - byteCount, seenBy: ranks)
    chunks.append((byteCount..<plan.stateBytes, memory))
  }

  /// The address of a slot that lies at an offset.
  func pointer(atOffset offset: Int) -> UnsafeMutableRawPointer {
    let chunk = chunks.last { $0.offsets.lowerBound <= offset } ?? chunks[0]
    return chunk.memory.start + (offset - chunk.offsets.lowerBound)
  }
}

/// Memory for the values of calls, shared by executors of which one runs at a time.
package final class ValueArena {
  private var memory: ArenaMemory?
  private var byteCount = 0

  /// Makes an arena that takes no memory yet.
  package init() {}

  /// Memory of at least a size; a larger one is reserved when there is none yet.
  func memory(
    byteCount needed: Int, seenBy ranks: RankCommunicators?
  ) throws -> ArenaMemory {
    if let memory, needed <= byteCount { return memory }
    let made = try ArenaMemory(byteCount: needed, seenBy: ranks)
    (memory, byteCount) = (made, needed)
    return made
  }
}
