import DeepEPElements

extension Program {
  /// Writes an entry by running model code; slots of parameters that it is first to use are added.
  ///
  /// - Parameters:
  ///   - name: The entry's name.
  ///   - inputs: What a call passes in.
  ///   - parameters: The names of the model's parameters.
  ///   - evaluation: Answers when model code asks for values; numbers that the code passes in become
  ///     further inputs. Without it asking is a mistake.
  ///   - body: Model code: from a tensor for each input to named results.
  /// - Throws: ``TraceError`` for the first mistake in the model.
  package mutating func trace(
    _ name: EntryName, inputs: [EntryInput], parameters: [NamedParameter],
    evaluation: Evaluation? = nil, _ body: ([Tensor]) -> [(name: String, value: Tensor)]
  ) throws {
    let trace = Trace(isRoot: true)
    trace.evaluation = evaluation
    for named in parameters { trace.names[ObjectIdentifier(named.parameter)] = named.name }
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
  }

  /// Points the reads of a trace at the program's slots.
  private mutating func resolvingSlots(_ entry: Entry, _ trace: Trace) throws -> Entry {
    var entry = entry
    for read in trace.reads {
      guard let name = trace.names[ObjectIdentifier(read.parameter)] else {
        throw TraceError(
          path: "", problem: "the model uses a parameter that is not among its properties",
          source: nil)
      }
      let slot = slots.firstIndex { $0.name == name } ?? slots.count
      if slot == slots.count { slots.append(Slot(name: name, read.parameter)) }
      entry.graph.nodes[read.node].operation = Read(slot: slot, type: read.parameter.type)
    }
    return entry
  }
}

extension Slot {
  /// The slot of a parameter of a name.
  package init(name: String, _ parameter: Parameter) {
    self.init(
      name: name, type: parameter.type, initializer: parameter.initializer, axes: parameter.axes,
      kind: .parameter, isTrainable: parameter.isTrainable)
  }
}
