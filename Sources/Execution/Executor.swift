import DeepEPCompute
import DeepEPElements
import DeepEPEvents
import DeepEPPlans
import DeepEPTensors

/// Runs a plan on a device.
///
/// Used by one thread, which issues all work.
package final class Executor {
  /// What is told of an instruction that has run.
  package typealias Watch = (Instruction, _ results: [UnsafeRawBufferPointer]) throws -> Void

  /// The plan.
  package let plan: Plan
  /// What ran recently.
  ///
  /// Not lazy: then each record would copy the whole ring.
  package private(set) var events = EventRing(capacity: 16384)
  /// Whether instructions are timed one by one.
  package var recordsEvents = true
  /// Told of each instruction that has run, with the bytes of its results; slows everything down.
  package var watch: Watch?
  private let device: CPUDevice
  /// The other ranks, if the plan is that of a rank.
  private let ranks: RankCommunicators?
  private let state: StateArena
  private let values: ArenaMemory
  private var bound: [EntryName: [BoundInstruction]] = [:]

  /// Reserves the plan's memory; slots are zero.
  ///
  /// - Parameters:
  ///   - plan: What to run.
  ///   - device: Where.
  ///   - state: The slots' memory, if other executors share it: their values stay.
  ///   - values: The memory of values, if other executors share it: results are to be read before
  ///     another one is called.
  ///   - ranks: The other ranks, if the plan is that of a rank.
  /// - Throws: ``ExecutionError`` if there is not enough memory.
  package init(
    _ plan: Plan, on device: CPUDevice, state: StateArena = StateArena(),
    values: ValueArena = ValueArena(), ranks: RankCommunicators? = nil
  ) throws {
    self.plan = plan
    self.ranks = ranks
    self.device = device
    self.state = state
    try state.admit(plan, seenBy: ranks)
    self.values = try values.memory(byteCount: plan.valueBytes, seenBy: ranks)
  }

  /// Notes what went on around the entries, if events are recorded.
  package func record(_ event: Event) {
    if recordsEvents { events.record(event) }
  }

  // MARK: Entries

  /// Compiles the kernels of entries, all together.
  ///
  /// - Throws: ``ExecutionError`` for an entry that the plan does not have, and the device's errors.
  package func prepare(_ names: [EntryName]) throws {
    let segments = try names.filter { bound[$0] == nil }.map(segment)
    let instructions = segments.flatMap(\.instructions).filter { !$0.needsRanks }
    var kernels = try device.kernels(
      instructions.map {
        KernelRequest(
          operation: $0.operation, operandTypes: $0.operandTypes, resultTypes: $0.resultTypes,
          overwrites: $0.overwrites)
      })[...]
    for segment in segments {
      bound[segment.name] = try segment.instructions.map { instruction in
        let kernel: any Kernel =
          try instruction.needsRanks
          ? RankKernel(instruction, ranks) : kernels.removeFirst()
        return BoundInstruction(instruction, kernel, pointers(instruction))
      }
    }
    FreedMemory.giveBack(beside: plan)
  }

  private func segment(_ name: EntryName) throws -> Segment {
    guard let segment = plan.segment(name) else {
      throw ExecutionError(
        what: "there is no entry '\(name.rawValue)'", place: "plan",
        fix: "it has " + plan.segments.map(\.name.rawValue).joined(separator: ", "))
    }
    return segment
  }

  private func pointers(_ instruction: Instruction) -> [UnsafeMutableRawPointer] {
    (instruction.operands + instruction.results + [instruction.workspace].compactMap { $0 })
      .map(pointer)
  }

  private func pointer(_ placement: Placement) -> UnsafeMutableRawPointer {
    switch placement.arena {
    case .state: state.pointer(atOffset: placement.offsetBytes)
    case .values: values.start + placement.offsetBytes
    }
  }

  /// Calls an entry with the bytes of its inputs, in order.
  ///
  /// - Throws: ``ExecutionError`` if an input does not fit or an extent is out of range, and the
  ///   device's errors. An extent that is an input is checked before anything runs, any other as soon
  ///   as it is known: slots may have been written then.
  package func call(_ name: EntryName, _ inputs: [[UInt8]] = []) throws {
    if bound[name] == nil { try prepare([name]) }
    let segment = try segment(name)
    try write(inputs, to: segment)
    var checks = segment.checks[...]
    try run(&checks, known: 0, of: name)
    var running = RunningCollectives()
    do {
      // One look at the clock between two instructions: it is most of what an event costs.
      var start = recordsEvents ? Clock.seconds : 0
      for (index, instruction) in (bound[name] ?? []).enumerated() {
        if !instruction.waits.isEmpty {
          try wait(&running, for: instruction.waits)
          start = Clock.seconds
        }
        if let handle = try instruction.run() { running.add(handle, of: index) }
        if recordsEvents {
          let end = Clock.seconds
          events.record(instruction.subject, startSeconds: start, durationSeconds: end - start)
          start = end
        }
        if let watch { try show(segment.instructions[index], &running, to: watch) }
        try run(&checks, known: index + 1, of: name)
      }
      try wait(&running, for: running.instructions)
    } catch {
      // Nobody may use the memory any more when it goes.
      if !running.instructions.isEmpty { ranks?.all.fail("\(error)") }
      running.settle()
      throw error
    }
  }

  /// Shows what an instruction has written to whoever watches.
  private func show(
    _ instruction: Instruction, _ running: inout RunningCollectives, to watch: Watch
  ) throws {
    try running.wait(for: running.instructions)
    try watch(
      instruction,
      zip(instruction.results, instruction.resultTypes).map { place, type in
        UnsafeRawBufferPointer(start: pointer(place), count: type.byteCount)
      })
  }

  /// Waits for collectives that go on beside: the part of them that compute does not hide.
  private func wait(_ running: inout RunningCollectives, for instructions: [Int]) throws {
    guard !instructions.isEmpty else { return }
    let start = Clock.seconds
    try running.wait(for: instructions)
    guard recordsEvents else { return }
    events.record(
      Event(
        name: "wait", queue: .communication, work: .communication, startSeconds: start,
        durationSeconds: Clock.seconds - start))
  }

  /// Checks the extents that are known after a number of instructions.
  private func run(
    _ checks: inout ArraySlice<PlacedCheck>, known count: Int, of entry: EntryName
  ) throws {
    while let next = checks.first, next.instructionCount <= count {
      checks.removeFirst()
      let extent = pointer(next.placement).load(as: Int32.self)
      guard let error = next.check.error(Int(extent), entry: entry) else { continue }
      throw ExecutionError(what: error.what, place: error.place, fix: error.fix)
    }
  }

  private func write(_ inputs: [[UInt8]], to segment: Segment) throws {
    for (index, input) in segment.inputs.enumerated() {
      guard index < inputs.count, inputs[index].count == input.type.byteCount else {
        let given = index < inputs.count ? "\(inputs[index].count) bytes" : "nothing"
        throw ExecutionError(
          what: "\(input.type) is expected, \(given) given",
          place: "input '\(input.name)' of entry '\(segment.name.rawValue)'",
          fix: "pass batches of the shape that the program was traced with")
      }
      guard input.placement.byteCount > 0 else { continue }
      inputs[index].withUnsafeBytes { bytes in
        guard let start = bytes.baseAddress else { return }
        pointer(input.placement).copyMemory(from: start, byteCount: bytes.count)
      }
    }
  }

  // MARK: Results and state

  /// A result of the last call, which was of this entry.
  ///
  /// - Throws: ``ExecutionError`` if the entry returns nothing of this name.
  package func result(_ name: String, of entry: EntryName) throws -> HostArray {
    guard let result = try segment(entry).results.first(where: { $0.name == name }) else {
      throw ExecutionError(
        what: "there is no result '\(name)'", place: "entry '\(entry.rawValue)'",
        fix: "name one that the program returns")
    }
    let bytes = UnsafeRawBufferPointer(
      start: pointer(result.placement), count: result.type.byteCount)
    return HostArray(result.type.element, result.type.shape, bytes: bytes)
  }

  /// Reads or writes the bytes of a slot.
  ///
  /// - Throws: ``ExecutionError`` if there is no such slot, and what `body` throws.
  package func withSlot<Result>(
    _ name: String, _ body: (Type, UnsafeMutableRawBufferPointer) throws -> Result
  ) throws -> Result {
    guard let slot = plan.slots.first(where: { $0.name == name }) else {
      throw ExecutionError(
        what: "there is no slot '\(name)'", place: "program", fix: "name one that the program has")
    }
    let bytes = UnsafeMutableRawBufferPointer(
      start: pointer(slot.placement), count: slot.type.byteCount)
    return try body(slot.type, bytes)
  }
}
