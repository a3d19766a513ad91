import DeepEPModels
import DeepEPOptimizers
import DeepEPTensors
import DeepEPTraining
import Foundation
import Testing

/// SGD follows `torch.optim.SGD` of PyTorch 2.13, in float64.
@Suite struct SGDTests {
  /// A linear classifier with the data of `Fixtures/make_sgd.py`.
  private struct Classifier: Module {
    let weight = Parameter([3, 4], .zeros)
    let bias = Parameter([3], .zeros)

    func callAsFunction(_ x: Tensor) -> Tensor { x.matmul(weight, transposingRight: true) + bias }
  }

  static let settings = [
    SGD(learningRate: 0.5, weightDecay: 0.1),
    SGD(learningRate: 0.5, momentum: 0.9),
    SGD(learningRate: 0.5, momentum: 0.9, dampening: 0.3, weightDecay: 0.05),
    SGD(learningRate: 0.5, momentum: 0.8, isNesterov: true, weightDecay: 0.05),
  ]

  private let data = ArrayLoader(
    batchSize: 6, input: ([4], (0..<24).map { Float(sin(Double($0 + 1))) }),
    targets: ([], [0, 1, 2, 2, 1, 0]))

  @Test(arguments: settings.indices) func fiveStepsFollowPyTorch(_ index: Int) throws {
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/sgd.txt")
    let lines = try String(contentsOf: fixture, encoding: .utf8).split(separator: "\n").map {
      $0.split(separator: " ").compactMap { Double($0) }
    }
    let traced = try ProgramBuilder.traced(Classifier(), .crossEntropy, inputs: data.inputs)
    let builder = ProgramBuilder(optimizer: Self.settings[index])
    var run = try InterpretedRun(builder.completed(traced))
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
}
