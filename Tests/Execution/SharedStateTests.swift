import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPTensors
import Testing

/// Several executors on one state.
@Suite struct SharedStateTests {
  private func slot(_ name: String, _ count: Int) -> Slot {
    Slot(name: name, type: Type(.float32, [count]), initializer: .zeros, kind: .parameter)
  }

  /// A program that adds a number to each of its slots.
  private func adding(_ number: Double, to slots: [Slot]) throws -> Program {
    let program = Program(slots: slots)
    let trace = Trace(isRoot: true)
    var entry = Entry(name: .step)
    for index in slots.indices {
      let value = try #require((trace.read(slot: index, of: program) + number).value)
      entry.updates.append(SlotUpdate(slot: index, value: value))
    }
    entry.graph = trace.graph
    return Program(slots: slots, entries: [entry])
  }

  private func numbers(_ executor: Executor, _ name: String) throws -> [Float] {
    try executor.withSlot(name) { _, bytes in Array(bytes.bindMemory(to: Float.self)) }
  }

  @Test func slotsAreSharedByNameAndKeepTheirValues() throws {
    let device = try CPUDevice(threadCount: 1)
    let state = SharedState()
    let programs = [
      [slot("a", 3)], [slot("b", 70), slot("a", 3)], [slot("c", 1), slot("b", 70)],
    ]
    var executors: [Executor] = []
    for (index, slots) in programs.enumerated() {
      let program = try state.numbering(adding(Double(index + 1), to: slots))
      executors.append(try state.executor(program, on: device))
      try executors[index].call(.step)
    }
    try executors[0].call(.step)
    #expect(state.slots.map(\.name) == ["a", "b", "c"])
    for executor in executors {
      #expect(try numbers(executor, "a") == [4, 4, 4])
    }
    #expect(try numbers(executors[1], "b") == Array(repeating: 5, count: 70))
    #expect(try numbers(executors[2], "c") == [3])
  }

  @Test func otherTypesAndOtherPlacesAreRefused() throws {
    let device = try CPUDevice(threadCount: 1)
    let state = SharedState([slot("a", 3)])
    #expect(throws: ExecutionError.self) { try state.index(of: slot("a", 4)) }
    _ = try state.executor(adding(1, to: [slot("a", 3)]), on: device)
    #expect(throws: ExecutionError.self) {
      try state.executor(adding(1, to: [slot("b", 3)]), on: device)
    }
  }

  @Test func theOldestStructureFallsOut() {
    var made: [String] = []
    var cache = StructureCache<String, Int>(capacity: 2)
    for key in ["a", "b", "a", "c", "a", "b", "b"] {
      _ = cache.value(for: key) {
        made.append(key)
        return made.count
      }
    }
    #expect(made == ["a", "b", "c", "b"])
    #expect(cache.makeCount == 4)
  }
}
