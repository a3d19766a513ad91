import DeepEPModels
import DeepEPOptimizers
import DeepEPTensors
import DeepEPTraining
import Foundation
import Testing

/// Lion follows its paper, SGD, Muon and Adafactor PyTorch 2.13, in float64.
@Suite struct OptimizerTests {
  /// A linear classifier with the data of `Fixtures/make_optimizers.py`.
  private struct Classifier: Module {
    let weight = Parameter([3, 4], .zeros)
    let bias = Parameter([3], .zeros)

    func callAsFunction(_ x: Tensor) -> Tensor { x.matmul(weight, transposingRight: true) + bias }
  }

  static let settings: [any Optimizer] = [
    .sgd(learningRate: 0.5, weightDecay: 0.1),
    .sgd(learningRate: 0.5, momentum: 0.9),
    .sgd(learningRate: 0.5, momentum: 0.9, dampening: 0.3, weightDecay: 0.05),
    .sgd(learningRate: 0.5, momentum: 0.8, isNesterov: true, weightDecay: 0.05),
    .lion(learningRate: 0.05),
    .lion(learningRate: 0.05, beta1: 0.8, beta2: 0.95, weightDecay: 0.3),
    .adafactor(learningRate: 0.5),
    .adafactor(learningRate: 0.05, clipThreshold: 1.5, weightDecay: 0.1),
    .muon(learningRate: 0.05, others: .adamW(learningRate: 0.02)),
    .muon(
      learningRate: 0.05, momentum: 0.8, isNesterov: false, weightDecay: 0, scale: .likeAdamW,
      others: .adamW(learningRate: 0.02)),
  ]

  private let data = ArrayLoader(
    batchSize: 6, input: ([4], (0..<24).map { Float(sin(Double($0 + 1))) }),
    targets: ([], [0, 1, 2, 2, 1, 0]))

  private func slots(_ optimizer: any Optimizer) throws -> [String] {
    let traced = try ProgramBuilder.traced(Classifier(), .crossEntropy, inputs: data.inputs)
    return try ProgramBuilder(optimizer: optimizer).completed(traced).slots.map {
      "\($0.name) \($0.type)"
    }
  }

  @Test(arguments: settings.indices) func fiveStepsFollowTheOriginal(_ index: Int) throws {
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/optimizers.txt")
    let lines = try String(contentsOf: fixture, encoding: .utf8).split(separator: "\n").map {
      $0.split(separator: " ").compactMap { Double($0) }
    }
    let traced = try ProgramBuilder.traced(Classifier(), .crossEntropy, inputs: data.inputs)
    var run = try InterpretedRun(
      ProgramBuilder(optimizer: Self.settings[index]).completed(traced))
    for step in 0..<5 {
      #expect(try abs(run.step(data) - lines[index * 6 + step][0]) < 1e-12, "step \(step + 1)")
    }
    #expect(distance(run.slot("weight"), lines[index * 6 + 5]) < 1e-12)
  }

  @Test func withoutMomentumThereIsNoState() throws {
    let traced = try ProgramBuilder.traced(Classifier(), .crossEntropy, inputs: data.inputs)
    let program = try ProgramBuilder(optimizer: .sgd(learningRate: 0.1)).completed(traced)
    #expect(program.slots.map(\.name) == ["weight", "bias", "optimizer.step"])
  }

  @Test func adafactorKeepsRowsAndColumns() throws {
    let slots = try slots(.adafactor())
    #expect(slots.contains { $0.contains("row_moment") && $0.contains("[3]") }, "\(slots)")
    #expect(slots.contains { $0.contains("column_moment") && $0.contains("[4]") }, "\(slots)")
  }

  @Test func groupsHaveTheirOwnRules() throws {
    let groups = ParameterGroups(
      [ParameterGroup(.vectors, .sgd()), ParameterGroup(.named("weight"), .lion())],
      others: .adamW())
    let slots = try slots(groups)
    #expect(slots.filter { $0.contains("bias") }.count == 1, "\(slots)")
    #expect(slots.contains { $0.contains("momentum") && $0.contains("weight") }, "\(slots)")
    #expect(!slots.contains { $0.contains("first_moment") }, "\(slots)")
  }

  @Test(arguments: [
    (LearningRateSchedule.linear(warmup: 4, total: 12, floor: 0.2), [0, 3, 4, 8, 12, 20]),
    (.warmupStableDecay(warmup: 4, total: 12, decay: 4), [0, 3, 7, 8, 10, 12]),
    (.cosine(warmup: 4, total: 12, floor: 0.2), [0, 3, 4, 8, 12, 20]),
  ])
  func schedulesRiseStayAndFall(_ schedule: LearningRateSchedule, _ steps: [Int]) throws {
    let expected: [Double] =
      switch schedule {
      case .warmupStableDecay: [0.25, 1, 1, 1, 0.5, 0]
      default: [0.25, 1, 1, 0.6, 0.2, 0.2]
      }
    for (step, factor) in zip(steps, expected) {
      let count = Tensor([Double(step)], shape: [], element: .int32)
      let found = try schedule.factor(at: count).scalar()
      #expect(abs(found - factor) < 1e-12, "update \(step)")
    }
  }
}
