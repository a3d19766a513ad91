import DeepEPTensors

/// One call of an entry in a step.
public struct EntryCall: Hashable, Codable, Sendable {
  /// The entry.
  public var entry: EntryName
  /// The micro-batch whose arrays it gets, from zero; nil if it takes none.
  public var microBatch: Int?

  /// Makes a call.
  public init(_ entry: EntryName, microBatch: Int? = nil) {
    self.entry = entry
    self.microBatch = microBatch
  }
}

/// The calls of entries that make one training step, in order: nothing is unrolled.
public struct Schedule: Hashable, Codable, Sendable {
  /// The calls.
  public var calls: [EntryCall]

  /// Makes a schedule.
  public init(_ calls: [EntryCall]) { self.calls = calls }

  /// The schedule of a program on one stage.
  ///
  /// A program with an entry `step` calls it once. Another one counts the predictions of every
  /// micro-batch if it has a `prologue`, accumulates the gradients of every micro-batch, and updates.
  public init(_ program: Program, microBatches: Int) {
    guard program.entry(.step) == nil else {
      self.init([EntryCall(.step, microBatch: 0)])
      return
    }
    let each = { (entry: EntryName) in
      (0..<microBatches).map { EntryCall(entry, microBatch: $0) }
    }
    let prologue = program.entry(.prologue) == nil ? [] : each(.prologue)
    self.init(prologue + each(.accumulate) + [EntryCall(.update)])
  }

  /// The entries that are called, each once, in the order of their first calls.
  public var entries: [EntryName] {
    var seen: Set<EntryName> = []
    return calls.map(\.entry).filter { seen.insert($0).inserted }
  }

  /// The number of micro-batches that a step takes.
  public var microBatchCount: Int { 1 + (calls.compactMap(\.microBatch).max() ?? -1) }
}
