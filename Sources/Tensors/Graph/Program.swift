import Dispatch
import Synchronization

/// A training program: state, and pure graphs from the state and inputs to a new state and results.
public struct Program: Sendable {
  /// The state, in the order in which it was first used.
  public var slots: [Slot]
  /// The graphs that can be called.
  public var entries: [Entry]

  /// Makes a program.
  public init(slots: [Slot] = [], entries: [Entry] = []) {
    self.slots = slots
    self.entries = entries
  }

  /// The entry of a name, if the program has it.
  public func entry(_ name: EntryName) -> Entry? { entries.first { $0.name == name } }

  /// The same program with every entry replaced by what `change` makes of it.
  package func mapEntries(_ change: (Entry) throws -> Entry) rethrows -> Program {
    Program(slots: slots, entries: try entries.map(change))
  }

  /// ``mapEntries(_:)`` on all cores: entries know nothing of one another.
  package func mapEntriesConcurrently(
    _ change: @Sendable (Entry) throws -> Entry
  ) throws -> Program {
    let changed = Mutex<[Int: Result<Entry, any Error>]>([:])
    DispatchQueue.concurrentPerform(iterations: entries.count) { index in
      let result = Result { try change(entries[index]) }
      changed.withLock { $0[index] = result }
    }
    let results = changed.withLock { $0 }
    return Program(slots: slots, entries: try entries.indices.compactMap { try results[$0]?.get() })
  }
}

/// The names of the graphs that schedules call.
public enum EntryName: String, Hashable, Codable, Sendable, CaseIterable {
  /// Fills every slot with its initial value.
  case initialize
  /// Forward, backward and update in one.
  case step
  /// The model in training and the sums of its losses, before it is differentiated.
  case forward
  /// Counts the predictions of one micro-batch, before the first of the update is differentiated.
  case prologue
  /// Forward and backward, the gradients added to accumulators.
  case accumulate
  /// The optimiser's update from the accumulators.
  case update
  /// The loss without gradients.
  case evaluate
  /// The loss without gradients, by the moving averages of the parameters.
  case evaluateAverages
  /// The logits after a block of tokens, whose keys and values go to the cache.
  case prefill
  /// The logits after one token, whose key and value go to the cache.
  case generate
}

/// A pure graph from slots and inputs to slot updates and results.
///
/// Reads see the value from before the call, and each slot is written at most once.
public struct Entry: Sendable {
  /// What schedules call it by.
  public var name: EntryName
  /// What a call passes in, in order.
  public var inputs: [EntryInput]
  /// What is computed.
  public var graph: Graph
  /// The slots that the call writes.
  public var updates: [SlotUpdate]
  /// What the call returns.
  public var results: [EntryResult]
  /// What must hold for extents of bounded dimensions that a transform has made explicit.
  public var checks: [ExtentCheck] = []

  /// Makes an entry.
  public init(
    name: EntryName, inputs: [EntryInput] = [], graph: Graph = Graph(),
    updates: [SlotUpdate] = [], results: [EntryResult] = []
  ) {
    self.name = name
    self.inputs = inputs
    self.graph = graph
    self.updates = updates
    self.results = results
  }

  /// The values for which the graph exists.
  package var roots: [Value] {
    updates.map(\.value) + results.map(\.value) + checks.map(\.value)
  }
}

/// Something passed to an entry by name.
public struct EntryInput: Hashable, Codable, Sendable {
  /// Its name.
  public var name: String
  /// Its type.
  ///
  /// A dimension may be bounded by an earlier input: a program is traced with its inputs as the first
  /// values of the graph, so ``Dimension/bounded(maximum:byInput:)`` names one.
  public var type: Type
  /// The meaning of each dimension; empty if none has one.
  public var axes: [DimensionAxes]

  /// Makes an input.
  public init(name: String, type: Type, axes: [DimensionAxes] = []) {
    self.name = name
    self.type = type
    self.axes = axes
  }
}

/// The new value of a slot.
public struct SlotUpdate: Hashable, Sendable {
  /// The index of the slot in the program.
  public var slot: Int
  /// Its new value.
  public var value: Value

  /// Makes an update.
  public init(slot: Int, value: Value) {
    self.slot = slot
    self.value = value
  }
}

/// A value that an entry returns.
public struct EntryResult: Hashable, Sendable {
  /// Its name.
  public var name: String
  /// The value.
  public var value: Value

  /// Makes a result.
  public init(name: String, value: Value) {
    self.name = name
    self.value = value
  }
}

extension Entry {
  /// The entry for a program whose slots are numbered differently.
  package func renumberingSlots(_ number: (Int) -> Int) -> Entry {
    var entry = self
    for (index, node) in graph.nodes.enumerated() {
      guard let read = node.operation as? Read else { continue }
      entry.graph.nodes[index].operation = Read(slot: number(read.slot), type: read.type)
    }
    entry.updates = updates.map { SlotUpdate(slot: number($0.slot), value: $0.value) }
    return entry
  }
}
