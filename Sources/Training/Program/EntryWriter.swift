import DeepEPTensors

/// Adds to one entry of a program: reads and updates of slots, results, and new slots on the way.
struct EntryWriter {
  /// The program; the entry in it changes when the writing is finished.
  private(set) var program: Program
  /// What the entry returns.
  var results: [EntryResult]
  /// The graph that is written.
  let trace: Trace
  private var entry: Entry
  private var slotIndices: [String: Int]
  private var reads: [Int: Value] = [:]

  /// Continues an entry of a program, or begins a new one.
  init(_ program: Program, _ name: EntryName) {
    self.program = program
    entry = program.entry(name) ?? Entry(name: name)
    results = entry.results
    trace = Trace(entry.graph, isRoot: true)
    trace.origin = Origin(phase: .update)
    slotIndices = Dictionary(
      program.slots.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    for (index, node) in entry.graph.nodes.enumerated() {
      if let read = node.operation as? Read { reads[read.slot] = Value(node: index) }
    }
  }

  /// The index of a slot of the program; nil if it has none of this name.
  func slot(named name: String) -> Int? { slotIndices[name] }

  /// The index of a slot, which is added to the program if it is not there.
  mutating func slot(_ slot: Slot) -> Int {
    if let known = slotIndices[slot.name] { return known }
    slotIndices[slot.name] = program.slots.count
    program.slots.append(slot)
    return program.slots.count - 1
  }

  /// The value of a slot from before the call.
  mutating func read(_ slot: Int) -> Tensor {
    if let known = reads[slot] { return Tensor(trace, known) }
    let tensor = trace.apply(Read(slot: slot, type: program.slots[slot].type), [])[0]
    reads[slot] = tensor.value
    return tensor
  }

  /// The tensor that the entry returns under a name.
  func result(_ name: String) -> Tensor {
    Tensor(trace, results.first { $0.name == name }?.value)
  }

  /// Returns a tensor under a name.
  mutating func addResult(_ name: String, _ tensor: Tensor) {
    if let value = trace.adopt(tensor) { results.append(EntryResult(name: name, value: value)) }
  }

  /// Writes a slot.
  ///
  /// - Parameters:
  ///   - slot: The slot.
  ///   - tensor: Its new value.
  ///   - condition: A Boolean scalar; the slot keeps its value where it is false.
  mutating func update(_ slot: Int, to tensor: Tensor, onlyIf condition: Tensor? = nil) {
    let new = condition.map { condition in
      condition.broadcast(to: tensor.shape, dimensions: []).select(tensor, read(slot))
    }
    guard let value = trace.adopt(new ?? tensor) else { return }
    entry.updates.append(SlotUpdate(slot: slot, value: value))
  }

  /// The program with the entry as it is now.
  ///
  /// - Throws: ``TraceError`` for the first mistake in what was written.
  func finished() throws -> Program {
    if let error = trace.error { throw error }
    var (program, entry) = (program, entry)
    (entry.graph, entry.results) = (trace.graph, results)
    if let index = program.entries.firstIndex(where: { $0.name == entry.name }) {
      program.entries[index] = entry
    } else {
      program.entries.append(entry)
    }
    return program
  }
}
