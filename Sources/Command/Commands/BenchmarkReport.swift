import DeepEPCompute
import DeepEPEvents
import DeepEPPlans
import DeepEPTraining
import DeepEPTransforms
import FoundationEssentials

/// What a benchmark measured, in the form that its JSON line has.
struct BenchmarkReport: Codable {
  var name: String
  var processor: String
  var processorClass: ProcessorClass
  var precision: String
  var strategy: String
  var ranks: Int
  /// Of each rank.
  var threads: Int
  var stepSeconds: [Double] = []
  var losses: [Double] = []
  var itemsPerSecond = 0.0
  /// From the launch of the process to the end of the first step.
  var firstStepSeconds = 0.0
  var peakResidentBytes = 0
  /// Parameters and the optimiser's state, and all else.
  var planStateBytes = 0
  var planValueBytes = 0
  var achievedGflops = 0.0
  /// The part of the first rank's time in which it waited for communication; nil without other ranks.
  var communicationShare: Double?
  /// What the last step computed in each phase, such as `inputGradient`.
  var phaseSeconds: [String: Double] = [:]
  /// A multiply-add loop in registers, before and after; empty if not asked for.
  var probeGflops: [Double] = []

  init(_ name: String, _ strategy: Strategy, _ device: CPUDevice) {
    self.name = name
    processor = device.processor.name
    processorClass = device.processor.vectorClass
    precision = strategy.precision.rawValue
    self.strategy = strategy.description
    ranks = strategy.rankCount
    threads = device.pool.threadCount
  }

  /// The time of the last step.
  var lastStep: String { "\(Quantity.fixed((stepSeconds.last ?? 0) * 1000, 1)) ms" }

  mutating func probe(_ probe: MultiplyAddProbe?) {
    if let probe { probeGflops.append(probe.gigaflops()) }
  }

  mutating func planned(_ plan: Plan) {
    (planStateBytes, planValueBytes) = (plan.stateBytes, plan.valueBytes)
  }

  /// Fills in the rates from the median of all steps but the first.
  mutating func finish(itemsPerStep: Int, flopsPerStep: Double) {
    let sorted = (stepSeconds.count > 1 ? Array(stepSeconds.dropFirst()) : stepSeconds).sorted()
    let median = sorted[sorted.count / 2]
    itemsPerSecond = Double(itemsPerStep) / median
    achievedGflops = flopsPerStep / median / 1e9
    peakResidentBytes = ProcessMemory.peakBytes - ProcessMemory.othersBytes
  }

  /// Adds up what the last step computed.
  mutating func addPhases(of events: [Event]) {
    guard let start = events.last(where: { $0.queue == .host })?.startSeconds else { return }
    for event in events where event.startSeconds >= start && event.queue == .compute {
      guard let phase = event.phase else { continue }
      phaseSeconds[String(phase), default: 0] += event.durationSeconds
    }
  }

  /// One line of JSON.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// The figures for people.
  var text: String {
    "\(name) \(precision) on \(processor), \(processorClass.rawValue), "
      + (ranks > 1 ? "\(ranks) ranks (\(strategy)) of " : "") + "\(threads) threads\n"
      + (stepSeconds.isEmpty ? "gflops 0\(peak)\n" : rates)
  }

  private var rates: String {
    """
    tokens/s \(Quantity.number(itemsPerSecond)), gflops \(Quantity.number(achievedGflops))\(peak)
    first step \(Quantity.fixed(firstStepSeconds, 2)) s after launch, \
    memory \(Quantity.bytes(peakResidentBytes)) (planned: state \(Quantity.bytes(planStateBytes)), \
    step \(Quantity.bytes(planValueBytes)))
    \(waits)
    """
  }

  private var waits: String {
    communicationShare.map {
      "waits for communication: \(Quantity.fixed($0 * 100, 1)) % of the time\n"
    }
      ?? ""
  }

  private var peak: String {
    guard !probeGflops.isEmpty else { return "" }
    let figures = probeGflops.map { Quantity.number($0) }.joined(separator: " and ")
    return " of \(figures) (probe before and after)"
  }
}
