import DeepEPCompute
import DeepEPLaws
import DeepEPModels
import DeepEPOptimizers
import DeepEPTensors
import DeepEPTraining
import Foundation
import Testing

/// State that the model itself writes while it is trained, and only then.
@Suite struct StatisticTests {
  private struct Normed: Module {
    let norm = BatchNorm(3)
    let out = Linear(6, 4)
    func callAsFunction(_ x: Tensor) -> Tensor {
      out(norm(x).reshaped([x.shape[0], 6]))
    }
  }

  private func data(batchSize: Int) -> ArrayLoader {
    .random(seed: 9, examples: 12, batchSize: batchSize, input: [3, 2], classes: 4)
  }

  private func program(
    _ model: some Module, batchSize: Int, microBatches: Int = 1
  ) throws -> Program {
    let traced = try ProgramBuilder.traced(
      model, .crossEntropy, inputs: data(batchSize: batchSize).inputs)
    return try ProgramBuilder(
      optimizer: .sgd(learningRate: 0.1), gradientAccumulation: microBatches
    ).completed(traced)
  }

  private static let running = ["norm.running_mean", "norm.running_var"]

  /// By the definition, in Swift: the mean and the unbiased variance of each channel.
  private func moments(_ batch: [Float], _ rows: Int) -> (mean: [Double], variance: [Double]) {
    let channels = (0..<3).map { channel in
      (0..<rows).flatMap { row in (0..<2).map { Double(batch[row * 6 + channel * 2 + $0]) } }
    }
    let means = channels.map { $0.reduce(0, +) / Double($0.count) }
    let variances = zip(channels, means).map { numbers, mean in
      numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count - 1)
    }
    return (means, variances)
  }

  @Test(arguments: [1, 2, 3]) func runningStatisticsFollowEachMicroBatch(_ count: Int) throws {
    let loader = data(batchSize: 4)
    var run = try InterpretedRun(
      program(Normed(), batchSize: 4, microBatches: count), microBatches: count)
    var (mean, variance) = ([0.0, 0, 0], [1.0, 1, 1])
    _ = try run.step(loader)
    for index in 0..<count {
      let batch = moments(Array(loader.input.numbers[index * 24..<(index + 1) * 24]), 4)
      mean = zip(mean, batch.mean).map { 0.9 * $0 + 0.1 * $1 }
      variance = zip(variance, batch.variance).map { 0.9 * $0 + 0.1 * $1 }
    }
    #expect(distance(run.slot(Self.running[0]), mean) < 1e-12)
    #expect(distance(run.slot(Self.running[1]), variance) < 1e-12)
    #expect(run.slot("norm.num_batches_tracked") == [Double(count)])
  }

  @Test func compiledRunsFollow() throws {
    let program = try program(Normed(), batchSize: 4, microBatches: 2)
    let session = try TrainingSession(program, gradientAccumulation: 2, on: CPUDevice())
    try session.initialize()
    var run = try InterpretedRun(program, microBatches: 2)
    for _ in 0..<3 {
      let expected = try run.step(data(batchSize: 4))
      #expect(try abs(session.step(data(batchSize: 4)) - expected) < 1e-5)
    }
    for name in Self.running + ["norm.weight", "out.weight"] {
      #expect(try distance(run.slot(name), session.numbers(of: name)) < 1e-5, "\(name)")
    }
  }

  /// Evaluation normalises by the running statistics and leaves them alone.
  @Test func evaluationOnlyReads() throws {
    let loader = data(batchSize: 4)
    var run = try InterpretedRun(program(Normed(), batchSize: 4))
    _ = try run.step(loader)
    let before = run.state
    let results = try run.call(.evaluate, loader.batch(atExample: 0))
    #expect(run.state == before)
    // The loss by hand: normalise by the running statistics, then the layer, then cross entropy.
    let (mean, variance) = (run.slot(Self.running[0]), run.slot(Self.running[1]))
    let (scale, shift) = (run.slot("norm.weight"), run.slot("norm.bias"))
    let (weight, bias) = (run.slot("out.weight"), run.slot("out.bias"))
    let losses = (0..<4).map { row -> Double in
      let x = (0..<6).map { (place: Int) -> Double in
        let channel = place / 2
        let centred = Double(loader.input.numbers[row * 6 + place]) - mean[channel]
        let deviation = (variance[channel] + 1e-5).squareRoot()
        return centred / deviation * scale[channel] + shift[channel]
      }
      let logits = (0..<4).map { (out: Int) -> Double in
        var sum = bias[out]
        for place in 0..<6 { sum += weight[out * 6 + place] * x[place] }
        return sum
      }
      let total: Double = logits.map { exp($0) }.reduce(0, +)
      return log(total) - logits[Int(loader.targets.labels[row])]
    }
    #expect(distance(results["sums.0"]?.doubles ?? [], losses) < 1e-12)
  }

  /// A norm that is used twice follows both batches, the first one first.
  private struct Twice: Module {
    let norm = BatchNorm(3, momentum: 0.5)
    let out = Linear(6, 4)
    func callAsFunction(_ x: Tensor) -> Tensor {
      out((norm(x) + norm(x * 3 + 1)).reshaped([x.shape[0], 6]))
    }
  }

  @Test func aSharedNormFollowsBothUses() throws {
    let loader = data(batchSize: 4)
    var run = try InterpretedRun(program(Twice(), batchSize: 4))
    _ = try run.step(loader)
    let batch = moments(Array(loader.input.numbers[..<24]), 4)
    let expected = batch.mean.map { (0.5 * $0) * 0.5 + (3 * $0 + 1) * 0.5 }
    #expect(distance(run.slot("norm.running_mean"), expected) < 1e-12)
    #expect(run.slot("norm.num_batches_tracked") == [2])
  }

  /// Counts how often it is traced, and for what.
  private final class Calls {
    var training = 0
    var all = 0
  }

  private struct Watched: Module {
    let calls: Calls
    let asks: Bool
    let layer = Linear(6, 4)
    func callAsFunction(_ x: Tensor) -> Tensor {
      calls.all += 1
      if asks, x.isTraining { calls.training += 1 }
      return layer(x.reshaped([x.shape[0], 6]))
    }
  }

  @Test func aModelIsTracedAgainOnlyIfItAsksForTheMode() throws {
    for asks in [false, true] {
      let calls = Calls()
      _ = try program(Watched(calls: calls, asks: asks), batchSize: 4)
      #expect(calls.all == (asks ? 2 : 1) && calls.training == (asks ? 1 : 0))
    }
  }

  private struct Counting: Module {
    let total: Parameter
    let layer = Linear(6, 4)
    func callAsFunction(_ x: Tensor) -> Tensor {
      total.update(to: total.tensor + 1, during: x)
      return layer(x.reshaped([x.shape[0], 6]))
    }
  }

  @Test func onlyStatisticsOfTheRightTypeCanBeWritten() throws {
    #expect(throws: Never.self) {
      try program(Counting(total: Parameter(statistic: [], .zeros, element: .int32)), batchSize: 4)
    }
    let error = #expect(throws: TraceError.self) {
      try program(Counting(total: Parameter([], .zeros)), batchSize: 4)
    }
    #expect(error?.problem.contains("only a statistic") ?? false)
  }

  private struct Dropped: Module {
    let table = Parameter([6], .ones)
    let layer = Linear(6, 4)
    func callAsFunction(_ x: Tensor) -> Tensor {
      layer(x.reshaped([x.shape[0], 6]) + table.tensor.dropout(0.5))
    }
  }

  /// A parameter alone does not know what it is traced for: not a silent identity.
  @Test func dropoutOfAParameterAloneIsAnError() {
    let error = #expect(throws: TraceError.self) { try program(Dropped(), batchSize: 4) }
    #expect(error?.problem.contains("combine it with the input first") ?? false)
  }
}
