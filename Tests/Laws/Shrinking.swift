import DeepEPTensors

extension ProgramCase {
  /// The smallest case found for which a check fails as it does for this one, with what it says then;
  /// nil if the check does not fail.
  ///
  /// Calls, entries, updates and results are removed one by one, and nodes replaced by one of their
  /// operands or by an input, until nothing can go.
  package func smallestFailure(
    limit: Int = 4000, _ check: (ProgramCase) throws -> [String]
  ) -> Failure? {
    func problems(_ candidate: ProgramCase) -> [String] {
      do { return try check(candidate) } catch { return ["\(error)"] }
    }
    var failure = Failure(testCase: self, problems: problems(self))
    guard !failure.problems.isEmpty else { return nil }
    let largest = (try? largestNumber()) ?? .infinity
    var remaining = limit
    while let next = failure.testCase.smaller.first(where: { candidate in
      guard remaining > 0, candidate.isSound(largest) else { return false }
      remaining -= 1
      let found = problems(candidate)
      if found.isEmpty { return false }
      failure.problems = found
      return true
    }) {
      failure.testCase = next
    }
    return failure
  }

  /// A case for which a check fails.
  package struct Failure: CustomStringConvertible, Sendable {
    /// The case.
    package var testCase: ProgramCase
    /// What is wrong.
    package var problems: [String]

    /// What is wrong, and all that it takes to see it again.
    package var description: String {
      problems.joined(separator: "\n") + "\n" + testCase.description
    }
  }

  /// Whether a case obeys the rules, and its numbers are no worse than those that it came from.
  private func isSound(_ largest: Double) -> Bool {
    // Beyond the extents of a result anything may stand.
    let isWhole = program.entries.allSatisfy { entry in
      entry.results.allSatisfy { !entry.graph.type(of: $0.value).isBounded }
    }
    guard isWhole, (try? program.verify()) != nil, let found = try? largestNumber() else {
      return false
    }
    return found <= 100 * max(1, largest)
  }

  /// The largest magnitude of all floats of all calls; infinite if one is not a number.
  private func largestNumber() throws -> Double {
    var interpreter = try Interpreter(program, slots: slots)
    var largest = 0.0
    for (index, name) in calls.enumerated() {
      guard let entry = program.entry(name) else { continue }
      let inputs = inputs(ofCall: index)
      let values = try Interpreter.evaluate(entry.graph, inputs: inputs, slots: interpreter.slots)
      for value in values.joined() where value.element.isFloatingPoint {
        for number in value.doubles {
          largest = number.isNaN ? .infinity : max(largest, number.magnitude)
        }
      }
      _ = try interpreter.call(name, inputs)
    }
    return largest
  }
}

// MARK: What is smaller

extension ProgramCase {
  /// Cases with something removed, the most first.
  private var smaller: some Sequence<ProgramCase> {
    let parts: [[(inout ProgramCase) -> Void]] = [
      fewerCalls, fewerRoots, fewerBounds, fewerNodes,
    ]
    return parts.lazy.joined().lazy.map { change in
      var result = self
      change(&result)
      return result.pruned()
    }.filter { $0.weight < weight }
  }

  /// Every change makes this smaller, so that shrinking ends.
  private var weight: Int {
    let entries = program.entries
    let roots = entries.reduce(0) { $0 + $1.results.count + $1.updates.count }
    let nodes = entries.flatMap(\.graph.nodes)
    let leaves = nodes.count { $0.operation is Input }
    return calls.count + roots + 2 * nodes.count - leaves
  }

  private var fewerCalls: [(inout ProgramCase) -> Void] {
    guard calls.count > 1 else { return [] }
    return calls.indices.map { index in { $0.calls.remove(at: index) } }
  }

  private var fewerRoots: [(inout ProgramCase) -> Void] {
    program.entries.enumerated().flatMap { index, entry in
      let updates = entry.updates.indices.map { update in
        { (result: inout ProgramCase) -> Void in
          result.program.entries[index].updates.remove(at: update)
        }
      }
      let results = entry.results.indices.map { place in
        { (result: inout ProgramCase) -> Void in
          result.program.entries[index].results.remove(at: place)
        }
      }
      return updates + results + earlierResults(index, entry)
    }
  }

  /// Returns an operand of what makes a result in its place.
  private func earlierResults(_ index: Int, _ entry: Entry) -> [(inout ProgramCase) -> Void] {
    entry.results.indices.flatMap { place in
      entry.graph.nodes[entry.results[place].value.node].operands.map { operand in
        { $0.program.entries[index].results[place].value = operand }
      }
    }
  }

  /// All of the dimensions valid that an extent bounds.
  private var fewerBounds: [(inout ProgramCase) -> Void] {
    program.entries.enumerated().flatMap { index, entry in
      let extents = Set(entry.graph.nodes.flatMap(\.types).flatMap(\.extents))
      return extents.sorted { $0.node < $1.node }.map { extent in
        { (result: inout ProgramCase) -> Void in
          result.program.entries[index] = entry.without(extent)
        }
      }
    }
  }

  /// Nodes from the last to the first: an input in their place, or one of their operands.
  private var fewerNodes: [(inout ProgramCase) -> Void] {
    program.entries.enumerated().flatMap { index, entry in
      entry.graph.nodes.indices.reversed().flatMap { node in
        entry.replacements(of: node).map { replacement in
          { $0.program.entries[index] = replacement }
        }
      }
    }
  }

  /// The case without entries that are not called, and without nodes and slots that are not used.
  private func pruned() -> ProgramCase {
    var result = self
    result.program.entries = program.entries.filter { calls.contains($0.name) }.map(
      \.withoutDeadNodes)
    let used = result.program.entries.flatMap { entry in
      entry.updates.map(\.slot) + entry.graph.nodes.compactMap { ($0.operation as? Read)?.slot }
    }
    let kept = program.slots.indices.filter(Set(used).contains)
    let places = Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) })
    result.program.slots = kept.map { program.slots[$0] }
    result.program = result.program.mapEntries { $0.renumberingSlots { places[$0] ?? $0 } }
    return result
  }
}

extension Entry {
  /// The entry with a node replaced by an input, or by an operand of its type.
  fileprivate func replacements(of index: Int) -> [Entry] {
    let node = graph.nodes[index]
    guard !(node.operation is Input) else { return [] }
    let operands = Array(Set(node.operands)).filter { graph.type(of: $0) == node.types[0] }
    let byOperand = operands.map { operand in
      replacing { $0 == Value(node: index) ? operand : $0 }
    }
    let cuts = node.types.indices.filter { !node.types[$0].isBounded }.map {
      cut(Value(node: index, result: $0))
    }
    return cuts + byOperand
  }

  /// The entry with a value replaced by an input, which comes before all nodes.
  private func cut(_ value: Value) -> Entry {
    let type = graph.type(of: value)
    let moved = { (old: Value) in
      old == value ? Value(node: 0) : Value(node: old.node + 1, result: old.result)
    }
    var (result, graph) = (self, Graph())
    graph.append(Node(Input(index: inputs.count, type: type), [], types: [type]))
    for var node in self.graph.nodes {
      node.operands = node.operands.map(moved)
      node.controls = node.controls.map { $0 + 1 }
      graph.append(node.mappingExtents(moved))
    }
    result.inputs.append(
      EntryInput(name: "cut\(inputs.count)at\(value.node)of\(self.graph.nodes.count)", type: type))
    result.graph = graph
    result.results = results.map { EntryResult(name: $0.name, value: moved($0.value)) }
    result.updates = updates.map { SlotUpdate(slot: $0.slot, value: moved($0.value)) }
    return result
  }

  private func replacing(_ change: (Value) -> Value) -> Entry {
    var (result, graph) = (self, Graph())
    for var node in self.graph.nodes {
      node.operands = node.operands.map(change)
      graph.append(node)
    }
    result.graph = graph
    result.results = results.map { EntryResult(name: $0.name, value: change($0.value)) }
    result.updates = updates.map { SlotUpdate(slot: $0.slot, value: change($0.value)) }
    return result
  }

  /// The entry with all of the dimensions valid that an extent bounds.
  fileprivate func without(_ extent: Value) -> Entry {
    var (result, graph, places) = (self, Graph(), [Value: Value]())
    for (index, var node) in self.graph.nodes.enumerated() {
      let sources = self.graph.types(of: node.operands)
      node.operands = node.operands.map { places[$0] ?? $0 }
      if (node.operation as? Bounded)?.extent == extent
        || (node.operation as? Unbounded).map({ sources[0].dimensions[$0.dimension].extent })
          == extent
      {
        places[Value(node: index)] = node.operands[0]
      }
      let types = node.types.map { $0.without(extent) }
      if types != node.types { node.operation = node.operation.resized(to: types) }
      node.types = types
      graph.append(node)
    }
    result.inputs = inputs.map {
      EntryInput(name: $0.name, type: $0.type.without(extent), axes: $0.axes)
    }
    result.graph = graph
    result.results = results.map { EntryResult(name: $0.name, value: places[$0.value] ?? $0.value) }
    result.updates = updates.map { SlotUpdate(slot: $0.slot, value: places[$0.value] ?? $0.value) }
    return result
  }

  /// Only the nodes and inputs that results and updates need.
  fileprivate var withoutDeadNodes: Entry {
    let needed = graph.reachable(from: roots)
    let old = graph.nodes.indices.filter { needed[$0] }
    let places = Dictionary(uniqueKeysWithValues: old.enumerated().map { ($1, $0) })
    var (result, graph) = (self, Graph())
    (result.inputs, result.graph) = ([], Graph())
    let moved = { (value: Value) in
      Value(node: places[value.node] ?? value.node, result: value.result)
    }
    for index in old {
      var node = self.graph.nodes[index]
      if let input = node.operation as? Input {
        node.operation = Input(index: result.inputs.count, type: input.type)
        result.inputs.append(inputs[input.index])
      }
      node.operands = node.operands.map(moved)
      node.controls = node.controls.map { places[$0] ?? $0 }
      graph.append(node.mappingExtents(moved))
    }
    result.graph = graph
    result.results = results.map { EntryResult(name: $0.name, value: moved($0.value)) }
    result.updates = updates.map { SlotUpdate(slot: $0.slot, value: moved($0.value)) }
    return result
  }
}

extension Type {
  /// The type with the dimensions fixed that an extent bounds.
  fileprivate func without(_ extent: Value) -> Type {
    with(dimensions: dimensions.map { $0.extent == extent ? .fixed($0.size) : $0 })
  }
}
