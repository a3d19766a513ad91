import DeepEPElements
import DeepEPLaws
import DeepEPModels
import DeepEPTensors
import DeepEPTransforms
import Testing

/// The last batch of an epoch is short: a GPT, or a Llama, traced for the largest batch gives the loss and the
/// gradients of the examples that are there.
@Suite struct BoundedGPTTests {
  private static let largest = 3
  private static let length = 5

  private var gpt: GPT2 {
    GPT2(GPT2Configuration(vocabulary: 11, context: 6, width: 8, layers: 1, heads: 2))
  }

  private var llama: Llama {
    Llama(
      LlamaConfiguration(
        vocabulary: 11, context: 6, width: 8, layers: 1, heads: 2, keyValueHeads: 1, hidden: 6))
  }

  private func program(
    _ model: some Module, _ batch: Dimension, _ inputs: [EntryInput]
  ) throws -> Program {
    let type = Type(.int32, dimensions: [batch, .fixed(Self.length)])
    var program = Program()
    let tokens = ["ids", "targets"].map { EntryInput(name: $0, type: type) }
    try program.trace(.evaluate, inputs: inputs + tokens, parameters: model.parameters) { inputs in
      let (ids, targets) = (inputs[inputs.count - 2], inputs[inputs.count - 1])
      return [("loss", model(ids).crossEntropy(labels: targets).mean())]
    }
    return try program.applying([Gradient()])
  }

  private func run(_ program: Program, _ inputs: [HostArray]) throws -> Outcome {
    var random = RandomSource(seed: 4)
    let slots = program.slots.map { slot in
      HostArray(.float32, slot.type.shape, (0..<slot.type.elementCount).map { _ in random.unit() })
    }
    var interpreter = try Interpreter(program, slots: slots)
    return Outcome(results: try interpreter.call(.step, inputs), slots: [])
  }

  private func tokens(_ count: Int, valid: Int) -> [HostArray] {
    [7, 3].map { factor in
      let numbers = (0..<count * Self.length).map { place in
        place < valid * Self.length ? Int64(place * factor % 11) : 99_999
      }
      return HostArray(.int32, [count, Self.length], integers: numbers)
    }
  }

  @Test(arguments: 1...3) func aShortBatchIsABatchOfItsSize(_ count: Int) throws {
    try check(gpt, count)
    try check(llama, count)
  }

  private func check(_ model: some Module, _ count: Int) throws {
    let expected = try run(program(model, .fixed(count), []), tokens(count, valid: count))
    let size = EntryInput(name: "size", type: Type(.int32, []))
    var bounded = try program(model, .bounded(maximum: Self.largest, byInput: 0), [size])
    let inputs = [HostArray(.int32, [], [Double(count)])] + tokens(Self.largest, valid: count)
    #expect(expected.differences(from: try run(bounded, inputs), tolerance: 1e-5) == [])
    let text = bounded.description
    #expect(try Program(text: text).description == text)
    for transform in Program.lowering {
      bounded = try bounded.applying([transform.name == .bound ? Bound(poisons: true) : transform])
      let found = try run(bounded, inputs)
      #expect(expected.differences(from: found, tolerance: 1e-5) == [], "\(transform.name)")
    }
  }
}
