import DeepEPCompute
import DeepEPElements
import DeepEPLaws
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Foundation
import Testing

/// A Llama computes what PyTorch computes; `Fixtures/make_llama.py` wrote the numbers.
@Suite struct LlamaTests {
  private static let sizes = LlamaConfiguration(
    vocabulary: 7, context: 5, width: 16, layers: 2, heads: 4, keyValueHeads: 2, hidden: 12,
    rotaryBase: 100)
  private static let tokens = [
    HostArray(.int32, [2, 5], integers: [1, 4, 2, 6, 0, 3, 3, 0, 5, 2]),
    HostArray(.int32, [2, 5], integers: [4, 2, 6, 0, 5, 3, 0, 5, 2, 1]),
  ]

  /// The loss and the gradient by each parameter.
  private struct Fixture {
    let loss: Double
    let gradients: [String: [Double]]

    init() throws {
      let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/llama.txt")
      let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        .map { $0.split(separator: " ") }
      loss = try #require(Double(lines[0][0]))
      gradients = Dictionary(
        uniqueKeysWithValues: lines.dropFirst().map { line in
          (String(line[0]), line.dropFirst().compactMap { Double($0) })
        })
    }
  }

  /// The entry `step` returns the loss and all gradients.
  private func program() throws -> Program {
    let model = Llama(Self.sizes)
    let inputs = ["ids", "targets"].map { EntryInput(name: $0, type: Type(.int32, [2, 5])) }
    var program = Program()
    try program.trace(.evaluate, inputs: inputs, parameters: model.parameters) { inputs in
      [("loss", model(inputs[0]).crossEntropy(labels: inputs[1]).mean())]
    }
    return try Gradient().apply(program)
  }

  /// The weights of the fixture's script: each has the number of its place in the model.
  private func slots(_ program: Program) -> [HostArray] {
    let names = Llama(Self.sizes).parameters.map(\.name)
    return program.slots.map { slot in
      let stream = UInt64((names.firstIndex(of: slot.name) ?? -1) + 1)
      let numbers = (0..<slot.type.elementCount).map { place in
        Double(Random.word(stream, place) >> 40) * 0x1p-24 - 0.5
      }
      return HostArray(slot.type.element, slot.type.shape, numbers)
    }
  }

  private func differences(
    _ found: [String: HostArray], _ fixture: Fixture, tolerance: Double
  ) -> [String] {
    let loss = found["loss"]?.doubles.first ?? .nan
    let wrong = fixture.gradients.compactMap { name, expected -> String? in
      guard let value = found[name] else { return "\(name) is missing" }
      let error = HostArray(.float64, value.shape, expected)
        .normwiseError(of: HostArray(.float64, value.shape, value.doubles))
      return error <= tolerance ? nil : "\(name) is off by \(error)"
    }
    let isRight = abs(loss - fixture.loss) <= tolerance * abs(fixture.loss)
    return wrong.sorted() + (isRight ? [] : ["the loss is \(loss), not \(fixture.loss)"])
  }

  @Test func lossAndGradientsAreThoseOfPyTorch() throws {
    let (program, fixture) = (try program().inFloat64(), try Fixture())
    #expect(fixture.gradients.count == program.slots.count)
    var interpreter = try Interpreter(program, slots: slots(program))
    let found = try interpreter.call(.step, Self.tokens)
    #expect(differences(found, fixture, tolerance: 1e-11) == [])
  }

  /// Each transform in turn, interpreted in float32.
  @Test func transformsKeepThem() throws {
    let fixture = try Fixture()
    var program = try program()
    for transform in Program.lowering {
      program = try program.applying([transform])
      var interpreter = try Interpreter(program, slots: slots(program))
      let found = try interpreter.call(.step, Self.tokens)
      #expect(differences(found, fixture, tolerance: 1e-5) == [], "after \(transform.name)")
    }
    #expect(try Program(text: program.description).structuralHash == program.structuralHash)
  }

  /// A step of gradient descent at the rate one takes the gradient from each weight.
  ///
  /// Narrow contractions are as near as their digits allow.
  @Test(arguments: [
    (Precision.float32, 1e-5), (.bfloat16, 0.03), (.float16, 0.005),
  ]) func theProcessorFindsThem(_ precision: Precision, _ tolerance: Double) throws {
    let fixture = try Fixture()
    let inputs = ["ids", "targets"].map { TensorDescription($0, .int32, [2, 5]) }
    let traced = try ProgramBuilder.traced(Llama(Self.sizes), .crossEntropy, inputs: inputs)
    let program = try ProgramBuilder(optimizer: SGD(learningRate: 1)).completed(traced)
    let session = try TrainingSession(
      program, strategy: Strategy(precision: precision), on: CPUDevice(threadCount: 2))
    try session.prepare()
    try session.initialize()
    let weights = slots(program)
    for (slot, value) in zip(program.slots, weights) where slot.kind == .parameter {
      try session.executor.withSlot(slot.name) { $1.copyBytes(from: value.bytes) }
    }
    try session.executor.call(.step, Self.tokens.map(\.bytes))
    var found = ["loss": try session.executor.result("loss", of: .step)]
    for (slot, value) in zip(program.slots, weights) where slot.kind == .parameter {
      let new = try session.numbers(of: slot.name)
      found[slot.name] = HostArray(
        .float64, slot.type.shape, zip(value.doubles, new).map { $0 - $1 })
    }
    #expect(differences(found, fixture, tolerance: tolerance) == [])
  }

  // MARK: Meshes

  private func run(_ vocabulary: Int, isWide: Bool) throws -> MeshRun {
    var sizes = Self.sizes
    sizes.vocabulary = vocabulary
    let inputs = ["ids", "targets"].map { TensorDescription($0, .int32, [4, 5]) }
    let traced = try ProgramBuilder.traced(Llama(sizes), .crossEntropy, inputs: inputs)
    let program = try ProgramBuilder(optimizer: SGD(learningRate: 0.1), clipNorm: 1)
      .completed(traced)
    var random = RandomSource(seed: 8)
    let batches = (0..<3).map { _ in
      [
        Dictionary(
          uniqueKeysWithValues: inputs.map { input in
            let numbers = (0..<20).map { _ in Int64(random.below(vocabulary)) }
            return (input.name, HostArray(.int32, [4, 5], integers: numbers))
          })
      ]
    }
    return MeshRun(program: isWide ? program.widened : program, batches: batches)
  }

  /// Groups of heads are split with their keys and values, and at four ranks they no longer divide.
  @Test(arguments: [
    Strategy(data: 2), Strategy(tensor: 2), Strategy(tensor: 4),
    Strategy(data: 2, tensor: 2, sequenceParallel: true, zero: 3),
  ]) func aMeshTrainsAlike(_ strategy: Strategy) throws {
    let wide = try run(7, isWide: true)
    let found = try wide.interpreted(strategy)
    #expect(try wide.alone().differences(from: found, tolerance: 1e-9) == [])
    let narrow = try run(8, isWide: false)
    let compiled = try narrow.compiled(strategy)
    #expect(try narrow.alone().differences(from: compiled, tolerance: 1e-5) == [])
  }

  /// What turning and repeating make of a head, they make where the head is.
  @Test func headsStayOnTheirRank() throws {
    let program = try run(8, isWide: false).program
    let rank = try program.applying([Expand(), Partition(Strategy(tensor: 2))])
    let nodes = try #require(rank.entry(.step)).graph.nodes
    let gathers = nodes.filter {
      $0.operation is AllGather && $0.origin.path.contains("self_attn")
    }
    #expect(gathers.map(\.origin.path) == [])
    #expect(nodes.contains { $0.operation is AllReduce })
  }

  // MARK: Bad sizes

  @Test func headsThatDoNotFitAreNamed() throws {
    var sizes = Self.sizes
    sizes.keyValueHeads = 3
    let inputs = ["ids", "targets"].map { TensorDescription($0, .int32, [2, 5]) }
    #expect(throws: TraceError.self) {
      try ProgramBuilder.traced(Llama(sizes), .crossEntropy, inputs: inputs)
    }
    sizes = Self.sizes
    (sizes.heads, sizes.keyValueHeads) = (16, 4)
    let error = #expect(throws: TraceError.self) {
      try ProgramBuilder.traced(Llama(sizes), .crossEntropy, inputs: inputs)
    }
    #expect("\(try #require(error))".contains("an even width"))
  }
}
