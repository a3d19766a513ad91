import DeepEPElements

extension Program {
  /// Writes an entry by running model code; slots of parameters that it is first to use are added.
  ///
  /// - Parameters:
  ///   - name: The entry's name.
  ///   - inputs: What a call passes in.
  ///   - parameters: The names of the model's parameters.
  ///   - mode: Whether the model is to be trained or evaluated.
  ///   - evaluation: Answers when model code asks for values; numbers that the code passes in become
  ///     further inputs. Without it asking is a mistake.
  ///   - body: Model code: from a tensor for each input to named results.
  /// - Throws: ``TraceError`` for the first mistake in the model.
  /// - Returns: Whether another mode would have given another graph.
  @discardableResult
  package mutating func trace(
    _ name: EntryName, inputs: [EntryInput], parameters: [NamedParameter],
    mode: TraceMode = .evaluation, evaluation: Evaluation? = nil,
    _ body: ([Tensor]) -> [(name: String, value: Tensor)]
  ) throws -> Bool {
    let trace = Trace(isRoot: true)
    trace.mode = mode
    trace.evaluation = evaluation
    for named in parameters + mode.counters {
      trace.names[ObjectIdentifier(named.parameter)] = named.name
      if !named.isTrainable { trace.frozen.insert(ObjectIdentifier(named.parameter)) }
    }
    let arguments = inputs.enumerated().map { trace.apply(Input(index: $0, type: $1.type), [])[0] }
    let outputs = evaluation?.scope { body(arguments) } ?? body(arguments)
    // An operation moves its operands into the root trace, so that results of other traces arrive.
    let results = outputs.map { ($0.name, trace.adopt($0.value)) }
    if let error = trace.error { throw error }
    let all = inputs + trace.passInputs(to: name, after: inputs.count)
    var entry = Entry(name: name, inputs: all, graph: trace.graph)
    entry.results = results.compactMap { name, value in
      value.map { EntryResult(name: name, value: $0) }
    }
    entries.append(try resolvingSlots(entry, trace))
    return trace.dependsOnMode
  }

  /// Points the reads and updates of a trace at the program's slots.
  private mutating func resolvingSlots(_ entry: Entry, _ trace: Trace) throws -> Entry {
    var entry = entry
    for read in trace.reads {
      let slot = try slot(of: read.parameter, trace)
      entry.graph.nodes[read.node].operation = Read(slot: slot, type: read.parameter.type)
    }
    for (parameter, node) in trace.written.values.sorted(by: { $0.node < $1.node }) {
      let slot = try slot(of: parameter, trace)
      entry.updates.append(SlotUpdate(slot: slot, value: Value(node: node)))
    }
    return entry
  }

  private mutating func slot(of parameter: Parameter, _ trace: Trace) throws -> Int {
    guard let name = trace.names[ObjectIdentifier(parameter)] else {
      throw TraceError(
        path: "", problem: "the model uses a parameter that is not among its properties",
        source: nil)
    }
    let slot = slots.firstIndex { $0.name == name } ?? slots.count
    if slot == slots.count {
      let isFrozen = trace.frozen.contains(ObjectIdentifier(parameter))
      slots.append(
        Slot(NamedParameter(name: name, parameter: parameter, isFrozen: isFrozen)))
    }
    return slot
  }
}

extension TraceMode {
  /// The counters that model code can read in this mode.
  fileprivate var counters: [NamedParameter] {
    if case .training(let run) = self { return run.named }
    return []
  }
}

extension Slot {
  /// The slot of a parameter of a name.
  package init(name: String, _ parameter: Parameter) {
    self.init(NamedParameter(name: name, parameter: parameter))
  }

  /// The slot of a parameter of a model.
  package init(_ named: NamedParameter) {
    let parameter = named.parameter
    self.init(
      name: named.name, type: parameter.type, initializer: parameter.initializer,
      axes: parameter.axes,
      kind: parameter.kind, isTrainable: named.isTrainable)
  }
}
