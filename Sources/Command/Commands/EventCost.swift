import DeepEPCompute
import DeepEPEvents
import DeepEPTraining
import DeepEPTransforms

/// What it costs to time every instruction: steps with events and without them, in turn, in one run.
struct EventCost {
  private let job: TrainingJob
  private let strategy: Strategy
  private let threads: Int?
  private let pairCount: Int

  /// Prepares to make pairs of steps; the first pair is not counted.
  init(_ job: TrainingJob, _ precision: Precision, threads: Int?, pairs: Int) {
    self.job = job
    strategy = Strategy(precision: precision)
    (self.threads, pairCount) = (threads, max(2, pairs))
  }

  /// Prints what was measured.
  func run(named name: String, output: TerminalOutput) throws {
    let session = try TrainingSession(
      job.program(strategy), strategy: strategy, on: CPUDevice(threadCount: threads))
    try session.prepare()
    try session.initialize()
    let loader = try job.loader()
    var pairs: [(with: Double, without: Double)] = []
    for number in 0..<pairCount {
      // Another one goes first each time.
      let first = try seconds(session, loader, records: number % 2 == 0)
      let second = try seconds(session, loader, records: number % 2 == 1)
      pairs.append(number % 2 == 0 ? (first, second) : (second, first))
    }
    let counted = pairs.dropFirst()
    let ratios = counted.map { $0.with / $0.without }.sorted()
    let instructions = session.plan.segment(.step)?.instructions.count ?? 0
    try output.write(
      """
      \(name) \(strategy.precision), \(instructions) instructions a step, \(counted.count) pairs of steps
      with events \(Self.milliseconds(counted.map(\.with))) ms, \
      without \(Self.milliseconds(counted.map(\.without))) ms (medians)
      events cost \(Self.percent(ratios[ratios.count / 2])) % of a step, median of the pairs; \
      the middle half \(Self.percent(ratios[ratios.count / 4])) to \
      \(Self.percent(ratios[ratios.count * 3 / 4])) %

      """)
  }

  private func seconds(
    _ session: TrainingSession, _ loader: FixedBatch, records: Bool
  ) throws -> Double {
    session.executor.recordsEvents = records
    let start = Clock.seconds
    _ = try session.step(loader)
    return Clock.seconds - start
  }

  private static func milliseconds(_ seconds: [Double]) -> String {
    Quantity.fixed(seconds.sorted()[seconds.count / 2] * 1e3, 2)
  }

  private static func percent(_ ratio: Double) -> String { Quantity.fixed((ratio - 1) * 100, 2) }
}
