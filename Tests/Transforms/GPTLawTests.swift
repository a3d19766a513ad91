import DeepEPElements
import DeepEPModels
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Transforms leave the results of a small GPT alone.
@Suite struct GPTLawTests {
  private func program() throws -> Program {
    let model = GPT2(GPT2Configuration(vocabulary: 11, context: 6, width: 8, layers: 2, heads: 2))
    let inputs = [
      EntryInput(name: "ids", type: Type(.int32, [2, 5])),
      EntryInput(name: "targets", type: Type(.int32, [2, 5])),
    ]
    var program = Program()
    try program.trace(.evaluate, inputs: inputs, parameters: model.parameters) { inputs in
      [("loss", model(inputs[0]).crossEntropy(labels: inputs[1]).mean())]
    }
    return program
  }

  private func run(_ program: Program, _ entry: EntryName) throws -> [String: HostArray] {
    let slots = program.slots.enumerated().map { index, slot in
      let numbers = (0..<slot.type.elementCount).map { place in
        Double(Random.word(UInt64(index + 1), place) >> 40) * 0x1p-24 - 0.5
      }
      return HostArray(slot.type.element, slot.type.shape, numbers)
    }
    let ids = HostArray(.int32, [2, 5], integers: [1, 4, 2, 8, 10, 3, 3, 0, 7, 9])
    let targets = HostArray(.int32, [2, 5], integers: [4, 2, 8, 10, 0, 3, 0, 7, 9, 5])
    var interpreter = try Interpreter(program, slots: slots)
    return try interpreter.call(entry, [ids, targets])
  }

  @Test func transformsKeepResults() throws {
    let traced = try program()
    #expect(traced.slots.count == 28)
    #expect(traced.slots[0].name == "transformer.wte.weight")
    let differentiated = try Gradient().apply(traced)
    try differentiated.verify()
    let expected = try run(differentiated, .step)
    var program = differentiated
    for transform in Program.lowering {
      program = try program.applying([transform])
      let found = try run(program, .step)
      for (name, value) in expected {
        let other = try #require(found[name])
        let scale = max(value.doubles.map(abs).max() ?? 0, 1e-3)
        let error = zip(value.doubles, other.doubles).map { abs($0 - $1) / scale }
        #expect(error.allSatisfy { $0 <= 1e-5 }, "\(name) after \(transform.name)")
      }
    }
    let again = try Program(text: program.description)
    #expect(again.description == program.description)
    #expect(again.structuralHash == program.structuralHash)
  }
}
