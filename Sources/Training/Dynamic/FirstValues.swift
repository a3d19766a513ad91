import DeepEPCompute
import DeepEPExecution
import DeepEPTensors

/// Gives slots of a shared state their first values, each once.
struct FirstValues {
  private let seed: UInt64
  private let device: CPUDevice
  private var known: Set<Int> = []

  init(seed: UInt64, device: CPUDevice) {
    self.seed = seed
    self.device = device
  }

  /// Notes that slots have their values from elsewhere.
  mutating func skip(_ slots: Range<Int>) { known.formUnion(slots) }

  /// Fills the slots that are new since the last call.
  mutating func fill(_ state: SharedState) throws {
    let new = Set(state.slots.indices).subtracting(known)
    known.formUnion(new)
    guard !new.isEmpty else { return }
    var program = try InitializerWriter(seed: seed).adding(to: Program(slots: state.slots))
    for index in program.entries.indices {
      program.entries[index].updates.removeAll { !new.contains($0.slot) }
    }
    let executor = try state.executor(program, on: device)
    executor.recordsEvents = false
    try executor.call(.initialize)
  }
}
