extension Graph {
  /// The graph with other operations in the same places.
  ///
  /// - Parameter change: From an operation to one of the same operands and result types.
  package func mapOperations(_ change: (any Operation) -> any Operation) -> Graph {
    var graph = self
    for index in graph.nodes.indices {
      graph.nodes[index].operation = change(graph.nodes[index].operation)
    }
    return graph
  }
}

extension Graph {
  /// The value whose memory a value shows: reshapes show that of their operand.
  package func base(_ value: Value) -> Value {
    nodes[value.node].operation is Reshape ? base(nodes[value.node].operands[0]) : value
  }
}

extension Entry {
  /// The entry with only those inputs that its graph uses, numbered anew.
  package func droppingUnusedInputs() -> Entry {
    let used = Set(graph.nodes.compactMap { ($0.operation as? Input)?.index }).sorted()
    var entry = self
    entry.inputs = used.map { inputs[$0] }
    entry.graph = graph.mapOperations { operation in
      guard var input = operation as? Input else { return operation }
      input.index = used.firstIndex(of: input.index) ?? 0
      return input
    }
    return entry
  }

  /// The entry with other slots read in place of some: a new index for an old one.
  package func reading(_ slots: [Int: Int]) -> Entry {
    var entry = self
    entry.graph = graph.mapOperations { operation in
      guard var read = operation as? Read else { return operation }
      read.slot = slots[read.slot] ?? read.slot
      return read
    }
    return entry
  }
}

extension Program {
  /// The program without a slot that no entry writes: its reads become a number.
  package func fixing(slot index: Int, at number: Double) -> Program {
    var program = self
    program.slots.remove(at: index)
    return program.mapEntries { entry in
      var entry = entry
      entry.graph = entry.graph.mapOperations { operation in
        guard var read = operation as? Read else { return operation }
        if read.slot == index { return Constant(type: read.type, numbers: [number]) }
        read.slot -= read.slot > index ? 1 : 0
        return read
      }
      for update in entry.updates.indices where entry.updates[update].slot > index {
        entry.updates[update].slot -= 1
      }
      return entry
    }
  }
}
