import DeepEPStorage
import DeepEPTensors

/// In what the speed of a run is counted.
package enum SpeedUnit: String, Hashable, Sendable {
  /// Tokens of sequences, as of text.
  case tokens
  /// Examples of any other data.
  case examples

  /// What fits the batches of a loader: tokens if it ends in rows of whole numbers.
  init(_ loader: some BatchLoader) {
    let last = loader.inputs.last
    self = last.map { $0.element.isInteger && $0.shape.count > 1 } ?? false ? .tokens : .examples
  }

  /// How many of them are in a batch of a loader.
  func count(inBatchOf loader: some BatchLoader) -> Int {
    self == .examples ? loader.batchSize : loader.inputs.last?.shape.reduce(1, *) ?? 1
  }

  /// What metrics call the speed.
  var metricName: String { "\(rawValue)_per_second" }
}
