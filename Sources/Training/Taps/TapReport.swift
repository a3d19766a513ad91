import DeepEPEvents

/// The statistics of a tapped value, or of the gradient by it, in one step.
///
/// With several batches an update they are those of the last one. Where the loss is scaled, so are gradients.
public struct TapReport: Hashable, Sendable {
  /// The number of bins of a histogram.
  static let binCount = 30
  /// The number of statistics before the histogram, in the form in which a program returns them.
  static let statisticCount = 7

  /// The path of the module, and behind a dot the label that model code gives.
  public var name: String
  /// Whether it is the gradient of the loss by the value.
  public var isGradient: Bool
  /// The mean of the finite elements.
  public var mean: Double
  /// Their standard deviation.
  public var deviation: Double
  /// The smallest of them.
  public var minimum: Double
  /// The largest of them.
  public var maximum: Double
  /// The share of elements that are zero, from 0 to 1.
  public var zeroShare: Double
  /// The share of elements that are infinite or no number, from 0 to 1.
  public var notFiniteShare: Double
  /// How many finite elements are in each of the bins of equal width from the smallest to the largest.
  public var histogram: [Int]

  /// Reads what ``TapStatistics`` writes.
  package init(_ name: String, isGradient: Bool, _ numbers: [Double]) {
    (self.name, self.isGradient) = (name, isGradient)
    (mean, deviation, minimum, maximum) = (numbers[0], numbers[1], numbers[2], numbers[3])
    let count = max(1, numbers[6])
    (zeroShare, notFiniteShare) = (numbers[4] / count, numbers[5] / count)
    let atLeast = numbers.dropFirst(Self.statisticCount) + [0]
    histogram = zip(atLeast, atLeast.dropFirst()).map { Int($0 - $1) }
  }

  /// What records call it.
  var title: String { isGradient ? "\(name).gradient" : name }

  /// A field of a line of JSON.
  var json: String {
    let numbers = [
      ("mean", mean), ("deviation", deviation), ("minimum", minimum), ("maximum", maximum),
      ("zeros", zeroShare), ("not_finite", notFiniteShare),
    ]
    let fields = numbers.map { "\"\($0)\":\(JSONText.number($1))" }
    let counts = histogram.map(String.init).joined(separator: ",")
    return "\(JSONText.quoted(title)):{\(fields.joined(separator: ",")),\"histogram\":[\(counts)]}"
  }
}
