import DeepEPElements
import DeepEPTensors

/// The sums and counts of the terms of a loss over one batch, as entries return them.
///
/// Sums contain the factors of the terms. Counts are float64, so that they are exact for any batch;
/// one that does not depend on data is a constant.
struct LossSums {
  /// One term, example by example.
  private struct Term {
    /// `[batch]`.
    var sums: Tensor
    /// `[batch]`, float64.
    var counts: Tensor
    /// The number of predictions, if all count alike.
    var fixedCount: Double?

    /// The sum over the batch.
    var sum: Tensor { sums.sum() }

    /// The count of the batch, a float64 scalar.
    var count: Tensor {
      guard let fixedCount else { return counts.sum() }
      return counts.trace.apply(Constant(type: Type(.float64, []), numbers: [fixedCount]), [])[0]
    }
  }

  private let terms: [Term]

  /// Writes the sums and counts of a model's output.
  init(_ loss: Loss, output: Tensor, targets: Tensor) {
    terms = loss.terms.map { Self.term($0, output, targets) }
  }

  private static func term(_ term: Loss.Term, _ output: Tensor, _ targets: Tensor) -> Term {
    let losses = term.losses(output, targets)
    let rest = Array(losses.shape.indices.dropFirst())
    if losses.rank == 0 {
      losses.trace.fail(
        ShapeError("loss", "a loss for each prediction is needed, [batch, ...]; got a scalar"))
    }
    let weighed = term.weights.map { weigh(losses, $0(targets)) }
    let sums = (weighed?.losses ?? losses).sum(rest)
    let fixedCount = weighed == nil ? Double(losses.type.elementCount) : nil
    let each = Double(losses.type.elementCount) / Double(max(1, losses.shape.first ?? 1))
    let counts =
      weighed?.weights.sum(rest) ?? sums.converted(to: .float64).filled(with: each)
    return Term(
      sums: term.factor == 1 ? sums : sums * term.factor, counts: counts, fixedCount: fixedCount)
  }

  /// Losses times weights, without those of weight zero, and the weights in float64.
  private static func weigh(
    _ losses: Tensor, _ weights: Tensor
  ) -> (losses: Tensor, weights: Tensor) {
    if weights.shape != losses.shape {
      losses.trace.fail(
        ShapeError(
          "loss",
          "the weights must have the shape of the losses: \(losses.type), not \(weights.type)"))
    }
    let counts = weights.compare(.notEqual, weights.filled(with: 0))
    let isPlain = weights.type.element == .bool
    let weighed = isPlain ? losses : losses * weights.converted(to: losses.type.element)
    return (counts.select(weighed, losses.filled(with: 0)), weights.converted(to: .float64))
  }

  // MARK: Results

  /// The name of the sum of a term over the batch.
  static func sumName(_ term: Int) -> String { "sum.\(term)" }
  /// The name of the count of a term over the batch.
  static func countName(_ term: Int) -> String { "count.\(term)" }
  /// The name of the sums of a term, example by example.
  static func sumsName(_ term: Int) -> String { "sums.\(term)" }
  /// The name of the counts of a term, example by example.
  static func countsName(_ term: Int) -> String { "counts.\(term)" }

  /// Whether a name is that of a sum or count over the batch.
  static func isTotal(_ name: String) -> Bool {
    name.hasPrefix("sum.") || name.hasPrefix("count.")
  }

  /// What an entry returns that is differentiated later: a sum and a count for each term.
  var totals: [(name: String, value: Tensor)] {
    terms.enumerated().flatMap { index, term in
      [(Self.sumName(index), term.sum), (Self.countName(index), term.count)]
    }
  }

  /// What an entry returns that evaluates: the loss of the batch, and the sums and counts of examples.
  var evaluation: [(name: String, value: Tensor)] {
    let means = terms.map { $0.sum.divided(by: $0.count) }
    let loss = means.dropFirst().reduce(means[0], +)
    return [("loss", loss)]
      + terms.enumerated().flatMap { index, term in
        [(Self.sumsName(index), term.sums), (Self.countsName(index), term.counts)]
      }
  }
}

extension Tensor {
  /// A sum over a count, a float64 scalar; zero if nothing counts.
  func divided(by count: Tensor) -> Tensor {
    let isNone = count.compare(.equal, count.filled(with: 0))
    let share = 1 / isNone.select(count.filled(with: 1), count)
    return self * share.converted(to: type.element)
  }
}
