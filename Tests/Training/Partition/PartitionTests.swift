import DeepEPElements
import DeepEPLaws
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Testing

/// Named strategies leave the training of a small GPT alone, in float64 on the interpreter.
@Suite struct PartitionTests {
  static let strategies = [
    Strategy(data: 2), Strategy(data: 4), Strategy(tensor: 2),
    Strategy(tensor: 2, sequenceParallel: true), Strategy(data: 2, zero: 1),
    Strategy(data: 2, zero: 2), Strategy(data: 2, zero: 3),
    Strategy(data: 2, tensor: 2, sequenceParallel: true, zero: 3),
    Strategy(data: 2, tensor: 2, zero: 1), Strategy(data: 2, tensor: 4, zero: 2),
    Strategy(data: 4, zero: 3, secondary: 2),
    Strategy(data: 4, tensor: 2, sequenceParallel: true, zero: 3, secondary: 2),
  ]

  static func run(
    accumulation: Int = 1, clip: Double? = 1, dropout: Double = 0,
    optimizer: any Optimizer = AdamW(learningRate: 1e-2), isWide: Bool = true, steps: Int = 3,
    vocabulary: Int = 13, compression: Compression = .none
  ) throws -> MeshRun {
    let model = GPT2(
      GPT2Configuration(
        vocabulary: vocabulary, context: 6, width: 8, layers: 2, heads: 4, dropout: dropout))
    let inputs = [
      TensorDescription("ids", .int32, [4, 6]), TensorDescription("targets", .int32, [4, 6]),
    ]
    let traced = try ProgramBuilder.traced(model, .crossEntropy, inputs: inputs)
    var builder = ProgramBuilder(
      optimizer: optimizer, clipNorm: clip, gradientAccumulation: accumulation)
    builder.compression = compression
    let program = try builder.completed(traced)
    var random = RandomSource(seed: 3)
    let batches = (0..<steps).map { _ in
      (0..<accumulation).map { _ in
        Dictionary(
          uniqueKeysWithValues: inputs.map { input in
            let numbers = (0..<24).map { _ in Int64(random.below(13)) }
            return (input.name, HostArray(.int32, [4, 6], integers: numbers))
          })
      }
    }
    return MeshRun(program: isWide ? program.widened : program, batches: batches)
  }

  @Test(arguments: strategies, [1, 2]) func aGPTTrainsAlike(
    _ strategy: Strategy, _ accumulation: Int
  ) throws {
    let run = try Self.run(accumulation: accumulation)
    let found = try run.interpreted(strategy)
    #expect(try run.alone().differences(from: found, tolerance: 1e-9) == [])
  }

  @Test(arguments: strategies, [1, 2]) func aCompiledGPTTrainsAlike(
    _ strategy: Strategy, _ accumulation: Int
  ) throws {
    let run = try Self.run(
      accumulation: accumulation, dropout: 0.1, optimizer: SGD(learningRate: 0.1), isWide: false)
    let found = try run.compiled(strategy)
    #expect(try run.alone().differences(from: found, tolerance: 1e-5) == [])
  }

  /// Parameters come from other groups once in a step, for forward; backward gathers among neighbours.
  @Test func backwardGathersWithinTheHost() throws {
    let run = try Self.run(isWide: false)
    let strategy = Strategy(data: 4, zero: 3, secondary: 2)
    let graph = try #require(
      run.program.applying([Expand(), Partition(strategy)]).entry(.step)
    ).graph
    let gathers = graph.nodes.filter { $0.operation is AllGather }
    let across = gathers.filter { ($0.operation as? AllGather)?.axes == [.host] }
    #expect(across.allSatisfy { $0.origin.phase == .forward } && across.count > 10)
    let backward = gathers.filter { [.inputGradient, .weightGradient].contains($0.origin.phase) }
    #expect(
      !backward.isEmpty && backward.allSatisfy { ($0.operation as? AllGather)?.axes == [.data] })
  }

  /// Two hundred steps in float32: each loss within 1e-4 of one rank's.
  @Test func aLongRunLiesOnTheCurveOfOneRank() throws {
    let run = try Self.run(optimizer: SGD(learningRate: 0.1), isWide: false, steps: 200)
    let one = try run.compiled(Strategy()).losses
    #expect(one.count == 200)
    for strategy in [
      Strategy(data: 2), Strategy(data: 4, zero: 1), Strategy(data: 2, zero: 2),
      Strategy(data: 2, zero: 3), Strategy(tensor: 2), Strategy(tensor: 2, sequenceParallel: true),
      Strategy(data: 2, tensor: 2, zero: 1),
      Strategy(data: 2, tensor: 2, sequenceParallel: true, zero: 3),
    ] {
      let found = try run.compiled(strategy).losses
      #expect(found.count == 200)
      let furthest = zip(one, found).map { abs($0 - $1) }.max() ?? .infinity
      #expect(furthest < 1e-4, "\(strategy) is off by \(furthest)")
    }
  }
}
