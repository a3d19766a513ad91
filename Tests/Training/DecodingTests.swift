import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPModels
import DeepEPPlans
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Foundation
import Testing

/// Generation with a key-value cache says what the whole model says.
@Suite struct DecodingTests {
  /// Learned positions, and turned ones with groups of queries, scaled turns and a window.
  static let models: [ModelDescription] = [
    ModelDescription(
      GPT2Configuration(vocabulary: 13, context: 12, width: 16, layers: 2, heads: 2)),
    ModelDescription(
      LlamaConfiguration(
        vocabulary: 13, context: 12, width: 16, layers: 2, heads: 4, keyValueHeads: 2, hidden: 12,
        rotaryBase: 100, rotaryScaling: RotaryScaling(firstContext: 16))),
    ModelDescription(
      LlamaConfiguration(
        vocabulary: 13, context: 12, width: 16, layers: 2, heads: 2, keyValueHeads: 1, hidden: 12,
        rotaryBase: 100, window: 5)),
  ]
  private let tokens: [Int32] = [3, 11, 0, 7, 7, 1, 12, 5, 2, 9, 4, 8, 6, 10, 3, 3, 0, 1, 2, 5]

  /// A weight of a slot, the same in every program that has the slot.
  private func weights(_ name: String, _ count: Int) -> [Float] {
    let key = name.utf8.reduce(UInt64(7)) { Random.mix($0 &+ UInt64($1)) }
    return (0..<count).map { (Float(Random.word(key, $0) >> 40) * 0x1p-24 - 0.5) }
  }

  private func fill(_ executor: Executor, _ names: some Sequence<String>) throws {
    for name in names {
      try executor.withSlot(name) { type, bytes in
        let values = weights(name, type.elementCount)
        values.withUnsafeBytes { bytes.copyMemory(from: $0) }
      }
    }
  }

  /// The logits after the last of some tokens, from a pass over all of them without a cache.
  private func logits(_ model: ModelDescription, after tokens: [Int32]) throws -> [Double] {
    let network = model.sizes.model()
    var program = Program()
    let input = EntryInput(name: "ids", type: Type(.int32, [1, tokens.count]))
    try program.trace(.evaluate, inputs: [input], parameters: network.parameters) {
      [("logits", network($0[0]))]
    }
    let slots = program.slots.map { slot in
      HostArray(
        slot.type.element, slot.type.shape,
        weights(slot.name, slot.type.elementCount).map(Double.init))
    }
    var interpreter = try Interpreter(program, slots: slots)
    let ids = HostArray(.int32, [1, tokens.count], integers: tokens.map(Int64.init))
    let all = try interpreter.call(.evaluate, [ids])["logits"]?.doubles ?? []
    return Array(all.suffix(model.sizes.vocabulary))
  }

  private func decoder(_ model: ModelDescription, block: Int) throws -> CachedDecoder {
    let decoder = try CachedDecoder(model, block: block, on: CPUDevice(threadCount: 2))
    try fill(decoder.executor, decoder.parameterNames)
    return decoder
  }

  private func expectSame(_ found: [Double], _ expected: [Double], _ place: String) {
    let size = expected.map(abs).max() ?? 0
    let error = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(found.count == expected.count && error <= 1e-5 * max(1, size), "\(place): \(error)")
  }

  @Test(arguments: models)
  func everyPositionEqualsThePassWithoutACache(_ model: ModelDescription) throws {
    let decoder = try decoder(model, block: 4)
    for count in 1...model.sizes.context {
      let found = try decoder.logits(appending: [tokens[count - 1]])
      expectSame(found, try logits(model, after: Array(tokens[..<count])), "position \(count - 1)")
    }
  }

  @Test(arguments: [1, 2, 3, 5, 12, 64], models.prefix(2))
  func beginningsOfAnyLengthInBlocksOfAnySize(block: Int, _ model: ModelDescription) throws {
    let decoder = try decoder(model, block: block)
    for count in 1...model.sizes.context {
      decoder.reset()
      let found = try decoder.logits(appending: Array(tokens[..<count]))
      expectSame(found, try logits(model, after: Array(tokens[..<count])), "beginning of \(count)")
    }
  }

  @Test(arguments: models)
  func aFullContextGoesOnFromItsNewestHalf(_ model: ModelDescription) throws {
    let decoder = try decoder(model, block: 5)
    var window: [Int32] = []
    for (index, token) in tokens.enumerated() {
      window.append(token)
      if window.count > model.sizes.context { window = window.suffix(model.sizes.context / 2) }
      let found = try decoder.logits(appending: [token])
      #expect(decoder.window == window)
      expectSame(found, try logits(model, after: window), "token \(index)")
    }
  }

  @Test func aLongBeginningIsCutToTheContext() throws {
    let model = Self.models[0]
    let decoder = try decoder(model, block: 5)
    let found = try decoder.logits(appending: tokens)
    expectSame(
      found, try logits(model, after: tokens.suffix(model.sizes.context)), "cut beginning")
  }

  /// Where documents are apart, the newest is all that the model sees.
  @Test(arguments: models.prefix(2))
  func aDocumentBeginsAnew(_ model: ModelDescription) throws {
    var model = model
    model.sizes.documentStart = 7
    let decoder = try decoder(model, block: 3)
    let found = try decoder.logits(appending: Array(tokens[..<3])).count
    #expect(found == 13)
    let after = try decoder.logits(appending: Array(tokens[3..<6]))
    let document = Array(tokens[4..<6])
    #expect(decoder.window == document)
    expectSame(after, try logits(model, after: document), "a document")
  }

  @Test(arguments: models) func theInterpreterAgreesWithThePlan(_ model: ModelDescription) throws {
    let program = try DecodingProgram(model, block: 3).program()
    try program.verify()
    #expect(program.slots.prefix(4).allSatisfy { $0.kind == .cache && !$0.isTrainable })
    let slots = program.slots.map { slot in
      let count = slot.type.elementCount
      let numbers = weights(slot.name, count).map(Double.init)
      // What a cache holds where nothing has been written must not matter.
      return HostArray(
        slot.type.element, slot.type.shape, slot.kind == .cache ? numbers.map { 1e3 * $0 } : numbers
      )
    }
    var interpreter = try Interpreter(program, slots: slots)
    let integers = { (shape: [Int], values: [Int32]) in
      HostArray(.int32, shape, integers: values.map(Int64.init))
    }
    for (name, start, count) in [(EntryName.prefill, 0, 3), (.prefill, 3, 3), (.generate, 6, 1)] {
      var inputs = [
        integers([1, count], Array(tokens[start..<start + count])), integers([], [Int32(start)]),
      ]
      if name == .prefill { inputs.append(integers([1], [Int32(count - 1)])) }
      let found = try interpreter.call(name, inputs)["logits"]?.doubles ?? []
      expectSame(found, try logits(model, after: Array(tokens[..<(start + count)])), "\(name)")
    }
  }

  /// The interpreter's pass over the whole window chooses the same characters as the cache does.
  @Test(arguments: models.prefix(2))
  func greedyTextIsThatOfThePassWithoutACache(_ model: ModelDescription) throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("deepep-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let tokenizer = CharacterTokenizer(text: "abcdefghijklm")
    let decoder = try decoder(model, block: 4)
    let tensors = decoder.executor.plan.slots.filter { decoder.parameterNames.contains($0.name) }
      .map { slot in
        TensorToWrite(slot.name, slot.type.element, slot.type.shape) { consume in
          try decoder.executor.withSlot(slot.name) { _, bytes in
            try consume(UnsafeRawBufferPointer(bytes))
          }
        }
      }
    let state = CheckpointState(
      step: 0, dataPosition: 0, modelConfiguration: try model.json, tokenizer: try tokenizer.json)
    try Checkpoint.write(tensors, state: state, to: path)
    let generator = try TextGenerator(checkpoint: path, threads: 2)
    let prompt = "badge"
    let found = try generator.generate(prompt: prompt, count: 7, temperature: 0, seed: 5)
    var window = try tokenizer.encode(prompt)
    for _ in 0..<7 {
      let scores = try logits(model, after: window)
      window.append(Int32(scores.firstIndex(of: scores.max() ?? 0) ?? 0))
    }
    #expect(try found == tokenizer.decode(Array(window.suffix(7))))
    #expect(try generator.generate(prompt: prompt, count: 7, temperature: 0, seed: 9) == found)
  }
}
