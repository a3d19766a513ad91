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

/// Batch norm by groups of examples: what data-parallel ranks compute that normalise each by itself.
@Suite struct LocalBatchNormTests {
  // MARK: PyTorch

  /// The classifier of `Fixtures/make_batch_norm.py`.
  private struct Normed: Module {
    let gain = Parameter([3, 2], .ones)
    let norm: BatchNorm
    let weight = Parameter([4, 6], .zeros)

    func callAsFunction(_ x: Tensor) -> Tensor {
      norm(x * gain).reshaped([x.shape[0], 6]).matmul(weight, transposingRight: true)
    }
  }

  private let data = ArrayLoader(
    batchSize: 8, input: ([3, 2], (0..<48).map { Float(sin(Double($0 + 1))) }),
    targets: ([], [0, 1, 2, 3, 3, 1, 0, 2]))

  @Test(arguments: [BatchStatistics.wholeBatch, .groups(2)])
  func threeStepsFollowPyTorch(_ statistics: BatchStatistics) throws {
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/batch_norm.txt")
    let all = try String(contentsOf: fixture, encoding: .utf8).split(separator: "\n").map {
      $0.split(separator: " ").compactMap { Double($0) }
    }
    let lines = Array(statistics == .wholeBatch ? all.prefix(7) : all.suffix(7))
    let model = Normed(norm: BatchNorm(3, statistics: statistics))
    let traced = try ProgramBuilder.traced(model, .crossEntropy, inputs: data.inputs)
    var run = try InterpretedRun(
      ProgramBuilder(optimizer: SGD(learningRate: 0.5)).completed(traced))
    for step in 0..<3 {
      #expect(try abs(run.step(data) - lines[step][0]) < 1e-12, "step \(step + 1)")
    }
    for (place, name) in ["norm.weight", "norm.bias", "gain", "weight"].enumerated() {
      #expect(distance(run.slot(name), lines[3 + place]) < 1e-12, "\(name)")
    }
  }

  // MARK: Meshes

  private func program(_ statistics: BatchStatistics) throws -> Program {
    let model = SplitClassifier(
      features: 5, hidden: 8, classes: 6, dropout: 0, statistics: statistics)
    return try ProgramBuilder.traced(
      model, .crossEntropy,
      inputs: [
        TensorDescription("x", .float32, [8, 5]), TensorDescription("targets", .int32, [8]),
      ])
  }

  private static let strategies = [
    Strategy(data: 2), Strategy(data: 4), Strategy(tensor: 2),
    Strategy(data: 2, tensor: 2, zero: 3),
    Strategy(data: 8, zero: 1),
  ]

  /// The groups belong to the model: fewer ranks, as many, and more give the same.
  @Test(arguments: strategies, [1, 2, 4]) func anyMeshGivesTheSame(
    _ strategy: Strategy, _ groups: Int
  ) throws {
    let traced = try program(.groups(groups))
    let whole = try ProgramBuilder(optimizer: AdamW(learningRate: 0.01)).completed(traced).widened
    var random = RandomSource(seed: 4)
    let batches = (0..<3).map { _ in
      [
        [
          "x": HostArray(.float64, [8, 5], (0..<40).map { _ in random.unit() }),
          "targets": HostArray(.int32, [8], (0..<8).map { _ in Double(random.below(6)) }),
        ]
      ]
    }
    let run = MeshRun(program: whole, batches: batches)
    let found = try run.interpreted(strategy)
    #expect(try run.alone().differences(from: found, tolerance: 1e-9) == [])
  }

  /// The number of contractions in forward that wait for a collective.
  private func waiting(_ statistics: BatchStatistics, _ strategy: Strategy) throws -> Int {
    let rank = try program(statistics).applying([Expand(), Partition(strategy)])
    let graph = try #require(rank.entry(.forward)).graph
    var waits: [Bool] = []
    for node in graph.nodes {
      waits.append(
        node.operation is any Collective || node.operands.contains { waits[$0.node] })
    }
    return zip(graph.nodes, waits).count { $0.operation is Dot && $1 }
  }

  /// Two contractions follow the norm.
  @Test func noRankWaitsWhereEachHasGroupsOfItsOwn() throws {
    #expect(try waiting(.wholeBatch, Strategy(data: 2)) == 2)
    #expect(try waiting(.groups(2), Strategy(data: 2)) == 0)
    #expect(try waiting(.groups(4), Strategy(data: 2)) == 0)
    #expect(try waiting(.groups(2), Strategy(data: 4)) == 2)
  }

  // MARK: Statistics and mistakes

  @Test func runningStatisticsFollowTheMeanOfGroups() throws {
    let model = Normed(norm: BatchNorm(3, statistics: .groups(2), momentum: 0.5))
    let traced = try ProgramBuilder.traced(model, .crossEntropy, inputs: data.inputs)
    var run = try InterpretedRun(ProgramBuilder(optimizer: SGD()).completed(traced))
    _ = try run.step(data)
    for channel in 0..<3 {
      let halves = (0..<2).map { half in
        (0..<8).map { Double(data.input.numbers[half * 24 + $0 / 2 * 6 + channel * 2 + $0 % 2]) }
      }
      let means = halves.map { $0.reduce(0, +) / 8 }
      let variances = zip(halves, means).map { numbers, mean in
        numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 7
      }
      let (mean, variance) = ((means[0] + means[1]) / 2, (variances[0] + variances[1]) / 2)
      #expect(abs(run.slot("norm.running_mean")[channel] - 0.5 * mean) < 1e-12)
      #expect(abs(run.slot("norm.running_var")[channel] - (0.5 + 0.5 * variance)) < 1e-12)
    }
  }

  @Test(arguments: [3, 16, 0, -2]) func groupsMustDivideTheBatch(_ groups: Int) {
    let error = #expect(throws: TraceError.self) { try program(.groups(groups)) }
    #expect(error?.problem.contains("do not make \(groups) equal groups") ?? false)
  }
}
