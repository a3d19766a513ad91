import DeepEPCompute
import DeepEPTraining
import FoundationEssentials

/// What a benchmark measured, in the form that its JSON line has.
struct BenchmarkReport: Codable {
  var name: String
  var processor: String
  var precision: String
  var threads: Int
  var stepSeconds: [Double] = []
  var losses: [Double] = []
  var itemsPerSecond = 0.0
  /// From the launch of the process to the end of the first step.
  var firstStepSeconds = 0.0
  var peakResidentBytes = 0
  var planPeakBytes = 0
  var achievedGflops = 0.0
  /// A multiply-add loop in registers, before and after.
  var probeGflops: [Double] = []

  init(_ workload: Workload, _ precision: Precision, _ device: CPUDevice) {
    name = workload.rawValue
    processor = device.processor.name
    self.precision = precision.rawValue
    threads = device.pool.threadCount
  }

  /// The time of the last step.
  var lastStep: String { "\(Quantity.fixed((stepSeconds.last ?? 0) * 1000, 1)) ms" }

  /// Fills in the rates from the median of all steps but the first.
  mutating func finish(itemsPerStep: Int, flopsPerStep: Double, probes: [Double]) {
    let sorted = (stepSeconds.count > 1 ? Array(stepSeconds.dropFirst()) : stepSeconds).sorted()
    let median = sorted[sorted.count / 2]
    itemsPerSecond = Double(itemsPerStep) / median
    achievedGflops = flopsPerStep / median / 1e9
    probeGflops = probes
    peakResidentBytes = ProcessMemory.peakBytes
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
    """
    \(name) \(precision) on \(processor), \(threads) threads
    tokens/s \(Quantity.number(itemsPerSecond)), gflops \(Quantity.number(achievedGflops)) of \
    \(probeGflops.map { Quantity.number($0) }.joined(separator: " and ")) (probe before and after)
    first step \(Quantity.fixed(firstStepSeconds, 2)) s after launch, \
    memory \(Quantity.bytes(peakResidentBytes)) (planned \(Quantity.bytes(planPeakBytes)))

    """
  }
}
