/// The losses of a run, step by step, as a picture.
///
/// Of a long run neighbouring steps are put together, so that a curve stays small.
public struct LossCurve: Sendable {
  /// The mean loss of some steps that follow one another.
  struct Point: Hashable {
    var step: Int
    var loss: Double
  }

  private static let limit = 2048
  private(set) var losses: [Point] = []
  private(set) var validations: [Point] = []
  /// How many steps are put together to one point.
  private var width = 1
  private var open: (sum: Double, count: Int) = (0, 0)

  /// An empty curve.
  public init() {}

  /// Adds a step; a loss that is no number is left out.
  public mutating func add(step: Int, loss: Double, validationLoss: Double? = nil) {
    if let validationLoss { add(validationLoss: validationLoss, step: step) }
    guard loss.isFinite else { return }
    open = (open.sum + loss, open.count + 1)
    guard open.count == width else { return }
    losses.append(Point(step: step, loss: open.sum / Double(open.count)))
    open = (0, 0)
    if losses.count == Self.limit { halve() }
  }

  /// Adds a loss on the held-out data.
  public mutating func add(validationLoss: Double, step: Int) {
    if validationLoss.isFinite { validations.append(Point(step: step, loss: validationLoss)) }
  }

  private mutating func halve() {
    losses = stride(from: 0, to: losses.count, by: 2).map { index in
      Point(
        step: losses[index + 1].step, loss: (losses[index].loss + losses[index + 1].loss) / 2)
    }
    width *= 2
  }

  /// The number of points.
  public var count: Int { losses.count }

  /// The first and the last step.
  var steps: ClosedRange<Int> { (losses.first?.step ?? 0)...(losses.last?.step ?? 0) }

  /// The lowest and the highest loss that is shown.
  var range: ClosedRange<Double> {
    let all = (losses + validations).map(\.loss)
    return (all.min() ?? 0)...(all.max() ?? 0)
  }
}
