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

/// Small matrices beside the weights of a model are trained in their place, and merged when it is exported.
@Suite struct AdaptationTests {
  /// Weights that are stored by input and output, and by output and input; square ones among them.
  private static let models: [any LanguageModelConfiguration] = [
    GPT2Configuration(vocabulary: 7, context: 5, width: 8, layers: 2, heads: 2),
    LlamaConfiguration(
      vocabulary: 7, context: 5, width: 8, layers: 2, heads: 2, keyValueHeads: 1, hidden: 12),
  ]
  private static let ids = HostArray(.int32, [1, 5], integers: [1, 4, 2, 6, 0])
  private static let inputs = ["ids", "targets"].map { TensorDescription($0, .int32, [1, 5]) }

  private func traced(_ sizes: any LanguageModelConfiguration) throws -> Program {
    try ProgramBuilder.traced(sizes.model(), .crossEntropy, inputs: Self.inputs)
  }

  /// What the interpreter finds in float64 with weights that only depend on their names.
  private func loss(_ program: Program, weights: [String: HostArray] = [:]) throws -> Double {
    let program = try program.inFloat64()
    let slots = program.slots.map { slot in weights[slot.name] ?? Self.numbers(slot) }
    var interpreter = try Interpreter(program, slots: slots)
    let found = try interpreter.call(.evaluate, [Self.ids, Self.ids])
    let name = try #require(program.entry(.evaluate)?.results.first?.name)
    return found[name]?.doubles.first ?? .nan
  }

  private static func numbers(_ slot: Slot) -> HostArray {
    let key = slot.name.utf8.reduce(UInt64(7)) { Random.mix($0 &+ UInt64($1)) }
    let numbers = (0..<slot.type.elementCount).map { place in
      Double(Float(Random.word(key, place) >> 40) * 0x1p-24 - 0.5)
    }
    return HostArray(slot.type.element, slot.type.shape, numbers)
  }

  @Test(arguments: models)
  func trainingBeginsWithWhatTheModelComputes(_ sizes: any LanguageModelConfiguration) throws {
    let plain = try traced(sizes)
    let adapted = try LowRankAdaptation(rank: 2).apply(plain)
    try adapted.verify()
    let zeros = Dictionary(
      uniqueKeysWithValues: adapted.slots.filter { $0.initializer == .zeros }.map { slot in
        (
          slot.name,
          HostArray(.float64, slot.type.shape, Array(repeating: 0, count: slot.type.elementCount))
        )
      }.filter { LowRankAdaptation.isAdapter($0.0) })
    #expect(zeros.count == (sizes is GPT2Configuration ? 8 : 14))
    #expect(abs(try loss(plain) - loss(adapted, weights: zeros)) < 1e-12)
  }

  /// What is not trained has no gradient and no state.
  @Test(arguments: models, [1, 2])
  func onlySmallMatricesAreTrained(_ sizes: any LanguageModelConfiguration, _ count: Int) throws {
    let builder = ProgramBuilder(
      optimizer: .adamW(), gradientAccumulation: count,
      adaptation: LowRankAdaptation(rank: 2, weights: ["*.1.*attn"]))
    let program = try builder.completed(traced(sizes))
    let trained = program.slots.filter(\.isTrainable).map(\.name)
    #expect(trained.count == (sizes is GPT2Configuration ? 4 : 8))
    #expect(trained.allSatisfy { LowRankAdaptation.isAdapter($0) && $0.contains(".1.") })
    for slot in program.slots where slot.kind == .optimizer || slot.kind == .accumulator {
      #expect(trained.contains { slot.name.hasSuffix("/\($0)") }, "\(slot.name)")
    }
    let written = program.entries.filter { $0.name != .initialize }.flatMap(\.updates).map {
      program.slots[$0.slot]
    }
    #expect(written.allSatisfy { $0.kind != .parameter || trained.contains($0.name) })
  }

  /// The export of a checkpoint is a plain model that computes the same.
  @Test(arguments: models)
  func mergedWeightsComputeTheSame(_ sizes: any LanguageModelConfiguration) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("deepep-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let model = ModelDescription(sizes, adaptation: LowRankAdaptation(rank: 2, alpha: 3))
    let (plain, adaptation) = (try traced(sizes), try #require(model.adaptation))
    let adapted = try adaptation.apply(plain)
    let path = folder.appendingPathComponent("checkpoint").path
    try Checkpoint.write(
      adapted.slots.map {
        TensorToWrite($0.name, .float32, $0.type.shape, bytes: Self.numbers($0).bytes)
      },
      state: CheckpointState(step: 1, dataPosition: 1, modelConfiguration: try model.json), to: path
    )
    let out = folder.appendingPathComponent("model").path
    try HuggingFaceFolder.write(Checkpoint(path), to: out)
    let exported = try HuggingFaceFolder(out)
    let weights = try plain.slots.map { slot in
      let array = try #require(exported.tensor(ofParameter: slot.name)).withFloats {
        HostArray(.float32, slot.type.shape, bytes: $0)
      }
      return (slot.name, HostArray(.float64, slot.type.shape, array.doubles))
    }
    #expect(exported.names.count == weights.count)
    let found = try loss(plain, weights: Dictionary(uniqueKeysWithValues: weights))
    #expect(abs(try loss(adapted) - found) < 1e-5)
    #expect(abs(try loss(plain) - found) > 1e-3)
  }

  /// Small matrices are split as the weights beside which they stand.
  @Test(
    arguments: models, [Strategy(tensor: 2, sequenceParallel: true), Strategy(data: 2, zero: 3)])
  func aMeshAdaptsAlike(_ sizes: any LanguageModelConfiguration, _ strategy: Strategy) throws {
    let sizes = sizes.resized(width: 16, heads: 4)
    let inputs = ["ids", "targets"].map { TensorDescription($0, .int32, [4, 5]) }
    let traced = try ProgramBuilder.traced(sizes.model(), .crossEntropy, inputs: inputs)
    let builder = ProgramBuilder(
      optimizer: SGD(learningRate: 1), adaptation: LowRankAdaptation(rank: 2))
    var random = RandomSource(seed: 4)
    let batches = (0..<3).map { _ in
      [
        Dictionary(
          uniqueKeysWithValues: inputs.map { input in
            let numbers = (0..<20).map { _ in Int64(random.below(7)) }
            return (input.name, HostArray(.int32, [4, 5], integers: numbers))
          })
      ]
    }
    let run = MeshRun(program: try builder.completed(traced).widened, batches: batches)
    #expect(try run.alone().differences(from: run.interpreted(strategy), tolerance: 1e-9) == [])
  }

  @Test func whatCannotBeAdaptedIsNamed() throws {
    let program = try traced(Self.models[0])
    for weights: [ParameterPattern] in [["q_proj"], ["*.ln_1"], ["transformer.wpe"]] {
      let error = #expect(throws: AdaptationError.self) {
        try LowRankAdaptation(rank: 2, weights: weights).apply(program)
      }
      #expect("\(try #require(error))".contains("'\(weights[0])'"))
    }
    #expect(throws: AdaptationError.self) { try LowRankAdaptation(rank: 0).apply(program) }
  }
}
