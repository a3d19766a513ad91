import DeepEPCompute
import DeepEPEvents
import DeepEPTraining
import DeepEPTransforms

/// What each optimisation is worth: a run without it beside the run with all of them, a step of one
/// and a step of the other in turn.
struct Ablation {
  private let job: TrainingJob
  private let precision: Precision
  private let threads: Int?
  private let steps: Int

  /// Prepares to run `steps` steps of a job without each optimisation; the first is not counted.
  init(_ job: TrainingJob, _ precision: Precision, threads: Int?, steps: Int) {
    self.job = job
    self.precision = precision
    self.threads = threads
    self.steps = steps
  }

  /// Prints a line for each optimisation.
  func run(named name: String, output: TerminalOutput) throws {
    let processor = Processor()
    let whole = try AblatedRun(job, precision, threads, .all)
    try output.write(
      "\(name) \(precision) on \(processor.name), \(processor.vectorClass.rawValue), "
        + "\(whole.threadCount) threads; worth: the figure without it by that with all\n"
        + AblationRow.header)
    for optimization in Optimization.allCases {
      let row = try row(without: optimization, beside: whole)
      try output.write(row.text)
    }
  }

  private func row(
    without optimization: Optimization, beside whole: AblatedRun
  ) throws -> AblationRow {
    let run = try AblatedRun(job, precision, threads, .all(but: optimization))
    var pairs: [(without: Double, with: Double)] = []
    for _ in 0..<steps { pairs.append((try run.step(), try whole.step())) }
    let counted = pairs.dropFirst()
    let worth = counted.map { $0.without / $0.with }
    let differences = zip(run.losses, whole.losses).map { abs($0 - $1) / abs($1) }
    return AblationRow(
      optimization: optimization, stepSeconds: counted.map(\.without).median,
      timeWorth: worth.median, timeWorthRange: (worth.min() ?? 0)...(worth.max() ?? 0),
      stepBytes: run.stepBytes,
      memoryWorth: Double(run.stepBytes) / Double(max(whole.stepBytes, 1)),
      lossDifference: differences.max() ?? 0)
  }
}

/// A line of the table.
private struct AblationRow {
  let optimization: Optimization
  let stepSeconds: Double
  let timeWorth: Double
  let timeWorthRange: ClosedRange<Double>
  let stepBytes: Int
  let memoryWorth: Double
  /// The largest relative difference of the losses.
  let lossDifference: Double

  static let header = line(["without", "step", "worth", "memory", "worth", "loss differs by"])

  var text: String {
    let range = [timeWorthRange.lowerBound, timeWorthRange.upperBound].map { Quantity.fixed($0, 2) }
    return Self.line([
      optimization.rawValue, "\(Quantity.fixed(stepSeconds * 1000, 0)) ms",
      "\(Quantity.fixed(timeWorth, 2)) (\(range.joined(separator: "-")))",
      Quantity.bytes(stepBytes), Quantity.fixed(memoryWorth, 2),
      "\(Quantity.fixed(lossDifference * 1e6, 2))e-6",
    ])
  }

  private static func line(_ columns: [String]) -> String {
    let widths = [18, 10, 18, 10, 7, 0]
    let cells = zip(columns, widths).map { text, width in
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    return cells.joined() + "\n"
  }
}

/// A training run with some of the optimisations.
private final class AblatedRun {
  private let device: CPUDevice
  private let session: TrainingSession
  private let loader: FixedBatch
  /// The losses of all steps so far.
  private(set) var losses: [Double] = []

  init(
    _ job: TrainingJob, _ precision: Precision, _ threads: Int?,
    _ optimizations: Set<Optimization>
  ) throws {
    device = try CPUDevice(
      threadCount: optimizations.contains(.threads) ? threads : 1,
      inBlocks: optimizations.contains(.blocks))
    loader = try job.loader()
    session = try TrainingSession(
      job.program(Strategy(precision: precision)), strategy: Strategy(precision: precision),
      on: device,
      optimizations: optimizations)
    try session.prepare()
    try session.initialize()
  }

  var threadCount: Int { device.pool.threadCount }

  /// The planned memory of a step: all but parameters and the optimiser's state.
  var stepBytes: Int { session.plan.valueBytes }

  /// Makes a step; returns how long it took.
  func step() throws -> Double {
    // Another run in this process may have another number of threads.
    device.pool.claimLibraries()
    let start = Clock.seconds
    losses.append(try session.step(loader))
    return Clock.seconds - start
  }
}

extension Collection where Element == Double {
  /// The upper median.
  fileprivate var median: Double { isEmpty ? .nan : sorted()[count / 2] }
}
