import DeepEPElements
import DeepEPModels
import DeepEPTensors

/// The program that continues one sequence with a key-value cache.
///
/// Slots: keys and values of each layer, then the parameters. Entries, both of which write the cache
/// and return `logits [1, vocabulary]`:
/// - ``EntryName/prefill``: `ids [1, block]`, `position []`, `token [1]`, the place within the block
///   of the token whose successor is asked for;
/// - ``EntryName/generate``: `ids [1, 1]`, `position []`.
///
/// `position` is that of the first token; all inputs are int32.
package struct DecodingProgram {
  package let model: ModelDescription
  /// The number of tokens of a call of ``EntryName/prefill``.
  package let block: Int

  package init(_ model: ModelDescription, block: Int) {
    self.model = model
    self.block = block
  }

  /// The program, not lowered.
  package func program() throws -> Program {
    let network = model.sizes.model()
    var program = Program(slots: (0..<model.sizes.layers).flatMap(cacheSlots))
    try add(.prefill, of: network, to: &program)
    try add(.generate, of: network, to: &program)
    return try model.adaptation?.apply(program) ?? program
  }

  private func cacheSlots(_ layer: Int) -> [Slot] {
    ["keys", "values"].map { kind in
      Slot(
        name: "cache.\(layer).\(kind)", type: model.sizes.cacheType(batch: 1),
        initializer: .zeros,
        axes: [.axis(.batch), .axis(.sequence), .axis(.heads), .axis(.headWidth)], kind: .cache)
    }
  }

  private func add(
    _ name: EntryName, of network: any LanguageModel, to program: inout Program
  ) throws {
    let state = program
    let count = name == .prefill ? block : 1
    var inputs = [
      EntryInput(name: "ids", type: Type(.int32, [1, count])),
      EntryInput(name: "position", type: Type(.int32, [])),
    ]
    if name == .prefill { inputs.append(EntryInput(name: "token", type: Type(.int32, [1]))) }
    try program.trace(name, inputs: inputs, parameters: network.parameters) { inputs in
      var caches = (0..<model.sizes.layers).map { layer in
        let read = { inputs[0].trace.read(slot: 2 * layer + $0, of: state) }
        return KeyValueCache(keys: read(0), values: read(1))
      }
      let token = inputs.count > 2 ? inputs[2] : inputs[1].filled(with: 0).reshaped([1])
      let logits = network.decoded(inputs[0], at: inputs[1], token: token, caches: &caches)
      let state = caches.flatMap { [$0.keys, $0.values] }
      return [("logits", logits)] + state.enumerated().map { ("\($0)", $1) }
    }
    program.entries[program.entries.count - 1].writeStateResults()
  }
}

extension Entry {
  /// Turns all results but the first into the new values of the slots from zero on.
  fileprivate mutating func writeStateResults() {
    updates = results.dropFirst().enumerated().map { SlotUpdate(slot: $0, value: $1.value) }
    results = Array(results.prefix(1))
  }
}
