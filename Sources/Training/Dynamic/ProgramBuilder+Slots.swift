import DeepEPTensors

extension ProgramBuilder {
  /// The slots that programs of a model can have, in an order that does not depend on which of its
  /// parameters a program uses: parameters, the counter of updates, and for each trainable parameter
  /// the optimiser's tensors and the accumulator.
  package func slots(of parameters: [NamedParameter]) -> [Slot] {
    let own = parameters.map { Slot(name: $0.name, $0.parameter) }
    let counter = Slot(
      name: Self.stepSlot, type: Type(.int32, []), initializer: .zeros, kind: .counter)
    return own + [counter] + own.filter(\.isTrainable).flatMap(state)
  }

  private func state(of parameter: Slot) -> [Slot] {
    let slot = { (name: String, kind: SlotKind) in
      Slot(
        name: Self.stateName(name, of: parameter.name), type: parameter.type, initializer: .zeros,
        axes: parameter.axes, kind: kind)
    }
    let accumulator = gradientAccumulation == 1 ? [] : [slot("gradient", .accumulator)]
    return optimizer.stateNames.map { slot($0, .optimizer) } + accumulator
  }
}

extension Entry {
  /// The entry with a read of every trainable parameter among slots, so that each has a gradient, zero
  /// where it is not used.
  func readingTrainable(_ slots: [Slot]) -> Entry {
    var entry = self
    let known = Set(graph.nodes.compactMap { ($0.operation as? Read)?.slot })
    for (index, slot) in slots.enumerated() where slot.isTrainable && !known.contains(index) {
      entry.graph.append(Node(Read(slot: index, type: slot.type), [], types: [slot.type]))
    }
    return entry
  }
}
