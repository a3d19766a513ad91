import DeepEPElements
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms

extension Plan {
  /// Lays out a fused and ordered program for a target.
  ///
  /// - Parameter optimizations: How memory may be shared.
  /// - Throws: ``TargetError`` if the target has no kernel for a node.
  package init(
    _ program: Program, for target: any Target, _ optimizations: Set<Optimization> = .all
  ) throws {
    var offset = 0
    slots = program.slots.map { slot in
      defer { offset += OffsetAllocation.aligned(slot.type.byteCount) }
      return NamedPlacement(
        name: slot.name, type: slot.type,
        placement: Placement(.state, offsetBytes: offset, byteCount: slot.type.byteCount))
    }
    stateBytes = offset
    segments = []
    for entry in program.entries {
      var lowering = try Lowering(
        entry.copyingPlainRoots(), slots: slots.map(\.placement), target, optimizations)
      segments.append(try lowering.segment())
    }
  }
}

extension Entry {
  /// The entry with results that are inputs, or slots from before the call, copied to values of
  /// their own.
  fileprivate func copyingPlainRoots() -> Entry {
    var entry = self
    for index in entry.updates.indices {
      entry.updates[index].value = entry.copied(entry.updates[index].value)
    }
    for index in entry.results.indices {
      entry.results[index].value = entry.copied(entry.results[index].value)
    }
    return entry
  }

  private mutating func copied(_ value: Value) -> Value {
    let node = graph.nodes[graph.base(value).node]
    guard node.operation is Input || node.operation is Read else { return value }
    let type = graph.type(of: value)
    let copy = Node(Region.copy(type), [value], types: [type], origin: node.origin)
    return Value(node: graph.append(copy))
  }
}

/// Turns the graph of one entry into instructions with offsets.
private struct Lowering {
  private let entry: Entry
  private let graph: Graph
  private let slots: [Placement]
  private let target: any Target
  private let optimizations: Set<Optimization>
  /// The nodes that become instructions.
  private let order: [Int]
  /// The slot that each value becomes the new value of.
  private let updatedSlots: [Value: Int]
  /// The node that reads each slot.
  private let reads: [Int: Int]
  /// The position in `order` of the last use of each value's memory.
  private var lastUse: [Value: Int] = [:]
  /// Memory that a value shares: a slot, or another value that it overwrites.
  private var homes: [Value: Home] = [:]
  private var choices: [KernelChoice] = []
  private var overwrites: [[Int: Int]] = []
  /// Slot updates that cannot be written in place, done at the end.
  private var copies: [SlotUpdate] = []

  private enum Home {
    case slot(Int)
    case value(Value)
  }

  init(
    _ entry: Entry, slots: [Placement], _ target: any Target, _ optimizations: Set<Optimization>
  ) throws {
    self.entry = entry
    self.slots = slots
    self.target = target
    self.optimizations = optimizations
    let graph = entry.graph
    self.graph = graph
    updatedSlots = Dictionary(
      entry.updates.map { (graph.base($0.value), $0.slot) }, uniquingKeysWith: { first, _ in first }
    )
    reads = Dictionary(
      graph.nodes.indices.compactMap { index in
        (graph.nodes[index].operation as? Read).map { ($0.slot, index) }
      }, uniquingKeysWith: { first, _ in first })
    order = entry.graph.nodes.indices.filter { index in
      let operation = entry.graph.nodes[index].operation
      return !(operation is Input || operation is Read || operation is Reshape)
    }
    for (position, index) in order.enumerated() {
      for operand in graph.nodes[index].operands { lastUse[graph.base(operand)] = position }
    }
    for root in entry.roots { lastUse[graph.base(root)] = order.count }
    for (index, node) in graph.nodes.enumerated() {
      if let read = node.operation as? Read { homes[Value(node: index)] = .slot(read.slot) }
    }
    try chooseKernels()
  }

  // MARK: Sharing memory

  private mutating func chooseKernels() throws {
    for (position, index) in order.enumerated() {
      let node = graph.nodes[index]
      let operands = graph.types(of: node.operands)
      let choice =
        try node.rankChoice
        ?? target.choice(for: node.operation, operands: operands, results: node.types)
      choices.append(choice)
      overwrites.append([:])
      for result in node.types.indices {
        let value = Value(node: index, result: result)
        if let slot = updatedSlots[value], claims(slot, value, position, choice) { continue }
        takeOver(value, position, choice)
      }
    }
    var written: Set<Int> = []
    for update in entry.updates {
      if case .slot(update.slot)? = homes[graph.base(update.value)],
        written.insert(update.slot).inserted
      {
        continue
      }
      copies.append(update)
    }
  }

  /// Writes the new value of a slot into the slot where nobody needs the old value any more.
  private mutating func claims(
    _ slot: Int, _ value: Value, _ position: Int, _ choice: KernelChoice
  ) -> Bool {
    guard optimizations.contains(.updateInPlace) else { return false }
    let node = graph.nodes[value.node]
    if let old = reads[slot] {
      let last = lastUse[Value(node: old)] ?? -1
      guard last <= position else { return false }
      let reading = node.operands.indices.filter { graph.base(node.operands[$0]).node == old }
      guard reading.count <= 1 else { return false }
      if let operand = reading.first {
        guard choice.overwritable[value.result]?.contains(operand) ?? false else { return false }
        overwrites[position][value.result] = operand
      }
    }
    homes[value] = .slot(slot)
    return true
  }

  /// Lets a result take the memory of an operand that nobody needs any more.
  private mutating func takeOver(_ value: Value, _ position: Int, _ choice: KernelChoice) {
    guard optimizations.contains(.overwrite) else { return }
    let node = graph.nodes[value.node]
    for operand in choice.overwritable[value.result] ?? [] {
      let base = graph.base(node.operands[operand])
      let isTaken = overwrites[position].values.contains { graph.base(node.operands[$0]) == base }
      let uses = node.operands.count { graph.base($0) == base }
      guard lastUse[base] == position, !isTaken, uses == 1, !isShared(base),
        !(graph.nodes[base.node].operation is Input)
      else { continue }
      overwrites[position][value.result] = operand
      homes[value] = .value(base)
      return
    }
  }

  private func isShared(_ base: Value) -> Bool {
    switch homes[base] {
    case nil: false
    case .slot: true
    case .value(let value): isShared(value)
    }
  }

  /// The value that owns the memory; nil if a slot does.
  private func owner(_ value: Value) -> Value? {
    switch homes[graph.base(value)] {
    case nil: graph.base(value)
    case .slot: nil
    case .value(let other): owner(other)
    }
  }

  private func slot(_ value: Value) -> Int? {
    switch homes[graph.base(value)] {
    case nil: nil
    case .slot(let slot): slot
    case .value(let other): slot(other)
    }
  }

  // MARK: Offsets

  mutating func segment() throws -> Segment {
    var lifetimes: [Lifetime] = []
    var places: [Value: Int] = [:]
    func extend(_ value: Value, to position: Int) {
      guard let owner = owner(value), let place = places[owner] else { return }
      let range = lifetimes[place].range
      lifetimes[place].range = range.lowerBound...max(range.upperBound, position)
    }
    for (index, node) in graph.nodes.enumerated() where node.operation is Input {
      places[Value(node: index)] = lifetimes.count
      lifetimes.append(Lifetime(byteCount: node.types[0].byteCount, range: 0...0))
    }
    for (position, index) in order.enumerated() {
      for result in graph.nodes[index].types.indices {
        let value = Value(node: index, result: result)
        guard owner(value) == value else { continue }
        places[value] = lifetimes.count
        let bytes = graph.type(of: value).byteCount
        lifetimes.append(Lifetime(byteCount: bytes, range: position...position))
      }
    }
    for (value, position) in lastUse { extend(value, to: position) }
    if target.links.workBeside {
      for (value, position) in usesBeside() { extend(value, to: position) }
    }
    let first = lifetimes.count
    for (position, choice) in choices.enumerated() {
      lifetimes.append(Lifetime(byteCount: choice.workspaceBytes, range: position...position))
    }
    if !optimizations.contains(.shareMemory) {
      for index in lifetimes.indices { lifetimes[index].range = 0...order.count }
    }
    let allocation = OffsetAllocation(lifetimes)
    let place = { (value: Value) -> Placement in
      placement(value, places, allocation, lifetimes)
    }
    var segment = assembled(
      place, workspaces: Array(allocation.offsets[first...]), allocation.byteCount)
    segment.liveBytes = lifetimes.mostAlive
    return segment
  }

  /// What collectives read while they go on beside, until what they make is first used.
  private func usesBeside() -> [(value: Value, position: Int)] {
    var firstUse: [Value: Int] = [:]
    for (position, index) in order.enumerated().reversed() {
      for operand in graph.nodes[index].operands { firstUse[graph.base(operand)] = position }
    }
    return order.filter { graph.nodes[$0].operation is any Collective }.map { index in
      let first = firstUse[Value(node: index)] ?? order.count
      return (graph.nodes[index].operands[0], min(first, order.count))
    }
  }

  private func placement(
    _ value: Value, _ places: [Value: Int], _ allocation: OffsetAllocation, _ lifetimes: [Lifetime]
  ) -> Placement {
    if let slot = slot(value) { return slots[slot] }
    guard let owner = owner(value), let place = places[owner] else {
      return Placement(.values, offsetBytes: 0, byteCount: 0)
    }
    return Placement(
      .values, offsetBytes: allocation.offsets[place], byteCount: lifetimes[place].byteCount)
  }

  private func assembled(
    _ place: (Value) -> Placement, workspaces: [Int], _ valueBytes: Int
  ) -> Segment {
    var instructions = order.enumerated().map { position, index in
      instruction(position, graph.nodes[index], index, place, workspaces[position])
    }
    for update in copies {
      let type = graph.type(of: update.value)
      instructions.append(
        Instruction(
          operation: Region.copy(type), kernel: "copy", operandTypes: [type], resultTypes: [type],
          operands: [place(update.value)], results: [slots[update.slot]], workspace: nil,
          overwrites: [:], origin: Origin(phase: .update), flops: 0, predictedSeconds: 0))
    }
    if target.links.workBeside { instructions = instructions.withCollectivesBeside() }
    let inputs = graph.nodes.enumerated().compactMap { index, node in
      (node.operation as? Input).map { ($0.index, place(Value(node: index))) }
    }
    let known = Dictionary(inputs, uniquingKeysWith: { first, _ in first })
    var segment = Segment(
      name: entry.name,
      inputs: entry.inputs.enumerated().map { index, input in
        let unused = Placement(.values, offsetBytes: 0, byteCount: 0)
        return NamedPlacement(name: input.name, type: input.type, placement: known[index] ?? unused)
      },
      results: entry.results.map {
        NamedPlacement(name: $0.name, type: graph.type(of: $0.value), placement: place($0.value))
      }, instructions: instructions, valueBytes: valueBytes, liveBytes: valueBytes)
    segment.checks = placedChecks(place)
    return segment
  }

  private func placedChecks(_ place: (Value) -> Placement) -> [PlacedCheck] {
    let checks = entry.checks.map { check in
      let maker = order.firstIndex(of: graph.base(check.value).node)
      return PlacedCheck(
        check: check, placement: place(check.value), instructionCount: maker.map { $0 + 1 } ?? 0)
    }
    return checks.sorted { $0.instructionCount < $1.instructionCount }
  }

  private func instruction(
    _ position: Int, _ node: Node, _ index: Int, _ place: (Value) -> Placement, _ workspace: Int
  ) -> Instruction {
    let choice = choices[position]
    let operands = graph.types(of: node.operands)
    return Instruction(
      operation: node.operation, kernel: choice.kernel, operandTypes: operands,
      resultTypes: node.types, operands: node.operands.map(place),
      results: node.types.indices.map { place(Value(node: index, result: $0)) },
      workspace: choice.workspaceBytes == 0
        ? nil
        : Placement(.values, offsetBytes: workspace, byteCount: choice.workspaceBytes),
      overwrites: overwrites[position], origin: node.origin,
      flops: node.operation.factors(operands: operands, results: node.types).flops,
      predictedSeconds: choice.seconds)
  }
}

extension Node {
  /// How a node runs that needs the other ranks, or knows where the rank is: not on the device.
  fileprivate var rankChoice: KernelChoice? {
    guard operation is any Collective || operation is MeshIndex else { return nil }
    let overwritable = (operation as? any Collective)?.overwritableOperands ?? [:]
    return KernelChoice(kernel: operation.name, overwritable: overwritable, seconds: 0)
  }
}
