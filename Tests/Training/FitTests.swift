import DeepEPElements
import DeepEPModels
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import FoundationEssentials
import Testing

/// What a caller of `fit` sees of a run, and how it can end it.
@Suite struct FitTests {
  private struct Small: Module {
    let input = Linear(5, 8)
    let out = Linear(8, 3)

    func callAsFunction(_ x: Tensor) -> Tensor {
      out(input(x).tap("hidden").relu().tap("rectified"))
    }
  }

  private struct Failure: Error {}

  private func data() -> ArrayLoader {
    var data = ArrayLoader.random(seed: 12, examples: 24, batchSize: 4, input: [5], classes: 3)
    data.validationBatchCount = 1
    return data
  }

  private func trainer(
    rate: Double = 0.05, recordsTaps: Bool = false, accumulation: Int = 1
  ) throws -> DistributedTrainer<Small> {
    try DistributedTrainer(
      model: Small(), optimizer: .adamW(learningRate: rate), gradientAccumulation: accumulation,
      recordsTaps: recordsTaps, threads: 2)
  }

  private func withFolder(_ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.path + "/deepep-\(UUID())"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test func aCallbackSeesEveryStepAndCanStopTheRun() throws {
    let stop = StopRequest()
    var steps: [TrainingStep] = []
    let end = try trainer().fit(
      data(), steps: 9, validation: ValidationPlan(everySteps: 2), stop: stop
    ) { step in
      steps.append(step)
      if step.step == 5 { stop.ask() }
    }
    #expect(end == .stopped(.call))
    #expect(steps.map(\.step) == [1, 2, 3, 4, 5] && steps.allSatisfy { $0.stepCount == 9 })
    #expect(steps.map { $0.validationLoss != nil } == [false, true, false, true, false])
    #expect(steps.allSatisfy { $0.loss.isFinite && $0.taps.isEmpty })
    #expect(throws: Failure.self) {
      try trainer().fit(data(), steps: 2) { _ in throw Failure() }
    }
  }

  /// A learning rate of nothing: no look brings a new lowest loss after the first.
  @Test func aRunEndsWhenPatienceIsOver() throws {
    let trainer = try trainer(rate: 1e-30)
    let plan = ValidationPlan(everySteps: 2, patience: 3)
    #expect(try trainer.fit(data(), steps: 40, validation: plan) == .stoppedEarly)
    #expect(trainer.step == 8)
    let learning = try self.trainer()
    let patient = ValidationPlan(everySteps: 1, patience: 30)
    #expect(try learning.fit(data(), steps: 20, validation: patient) == .finished)
  }

  @Test(arguments: [ValidationPlan(patience: 2), ValidationPlan(everySteps: 2, patience: 0)])
  func aPlanThatMakesNoSenseIsAnError(_ plan: ValidationPlan) throws {
    let error = #expect(throws: TrainingError.self) {
      try trainer().fit(data(), steps: 2, validation: plan)
    }
    #expect(error?.place == "ValidationPlan")
  }

  /// A line for each step, of which those after a checkpoint are made again.
  @Test func metricsHaveALineForEachStep() throws {
    struct Line: Decodable {
      let step: Int
      let loss: Double
      let seconds: Double
      let validation_loss: Double?
      let learning_rate: Double
      let gradient_norm: Double?
      let examples_per_second: Double
      let gflops: Double
      let memory_bytes: Int
    }
    try withFolder { folder in
      let records = RunRecords(metrics: "\(folder)/metrics", curve: "\(folder)/curve.svg")
      let plan = CheckpointPlan(folder: "\(folder)/run", everySteps: 3)
      let first = try trainer()
      try first.fit(data(), steps: 5, records: records, checkpoints: plan)
      let second = try trainer()
      try second.resume(from: "\(folder)/run/step-3")
      try second.fit(data(), steps: 25, records: records)
      let text = try String(contentsOfFile: "\(folder)/metrics", encoding: .utf8)
      let lines = try text.split(separator: "\n").map {
        try JSONDecoder().decode(Line.self, from: Data($0.utf8))
      }
      #expect(lines.map(\.step) == Array(1...25))
      #expect(lines.map { $0.validation_loss != nil } == (1...25).map { $0 == 3 })
      #expect(lines.allSatisfy { $0.memory_bytes > 0 && $0.examples_per_second > 0 })
      #expect(lines.allSatisfy { $0.learning_rate > 0 && $0.gradient_norm == nil })
      // The curve has the steps of the run before.
      let curve = try String(contentsOfFile: "\(folder)/curve.svg", encoding: .utf8)
      let points = try #require(curve.firstMatch(of: /<polyline points="([^"]+)"/)).1
      #expect(points.split(separator: " ").count == 25)
    }
  }

  // MARK: Taps

  /// Statistics are those of the numbers, and of the gradients that the chain rule gives.
  @Test func tapsTellWhatValuesAre() throws {
    var taps: [TapReport] = []
    try trainer(recordsTaps: true).fit(data(), steps: 2) { taps = $0.taps }
    #expect(Set(taps.map(\.name)) == ["input.hidden", "input.rectified"])
    #expect(taps.filter(\.isGradient).count == 2 && taps.count == 4)
    let find = { (name: String, isGradient: Bool) in
      try #require(taps.first { $0.name == name && $0.isGradient == isGradient })
    }
    let (hidden, rectified) = try (find("input.hidden", false), find("input.rectified", false))
    #expect(rectified.minimum == 0 && rectified.maximum == hidden.maximum)
    #expect(hidden.minimum < hidden.mean && hidden.mean < hidden.maximum && hidden.deviation > 0)
    #expect(hidden.zeroShare == 0 && hidden.notFiniteShare == 0)
    #expect(rectified.zeroShare > 0 && rectified.zeroShare < 1)
    for tap in taps { #expect(tap.histogram.reduce(0, +) == 4 * 8, "\(tap)") }
    #expect(try find("input.hidden", true).zeroShare >= rectified.zeroShare)
  }

  /// Against sums by hand, also of what is not finite.
  @Test func statisticsAreThoseOfTheNumbers() throws {
    let numbers: [Double] = [1, -3, 0, 0, .infinity, 5, .nan, 2]
    let report = try report(of: numbers)
    let finite = numbers.filter(\.isFinite)
    let mean = finite.reduce(0, +) / Double(finite.count)
    let square = finite.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(finite.count)
    #expect(abs(report.mean - mean) < 1e-9 && abs(report.deviation - square.squareRoot()) < 1e-9)
    #expect(report.minimum == -3 && report.maximum == 5)
    #expect(report.zeroShare == 0.25 && report.notFiniteShare == 0.25)
    #expect(report.histogram.first == 1 && report.histogram.last == 1)
    #expect(report.histogram.reduce(0, +) == finite.count)
  }

  /// What a program with one tapped input returns, by the interpreter.
  private func report(of numbers: [Double]) throws -> TapReport {
    var program = Program()
    let type = Type(.float32, [2, 4])
    try program.trace(.step, inputs: [EntryInput(name: "x", type: type)], parameters: []) {
      [("y", $0[0].tap("x") + 1)]
    }
    var interpreter = try Interpreter(TapStatistics.apply(program, .step))
    let results = try interpreter.call(.step, [HostArray(.float32, [2, 4], numbers)])
    return TapReport("x", isGradient: false, try #require(results["tap/x"]).doubles)
  }

  /// A run that does not ask for taps has the plan of a model without them.
  @Test func tapsCostNothingUnlessAskedFor() throws {
    struct Plain: Module {
      let input = Linear(5, 8)
      let out = Linear(8, 3)
      func callAsFunction(_ x: Tensor) -> Tensor { out(input(x).relu()) }
    }
    let plain = try DistributedTrainer(model: Plain(), threads: 2).start(data()).plan
    let tapped = try DistributedTrainer(model: Small(), threads: 2).start(data()).plan
    #expect(plain.peakBytes == tapped.peakBytes)
    #expect(
      plain.segments.map(\.instructions.count) == tapped.segments.map(\.instructions.count))
  }

  @Test func tapsAreThoseOfTheLastBatchOfAnUpdate() throws {
    try trainer(recordsTaps: true, accumulation: 2).fit(data(), steps: 1) { step in
      #expect(step.taps.count == 4)
    }
  }
}
