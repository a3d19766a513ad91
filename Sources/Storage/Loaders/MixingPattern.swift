import DeepEPElements

/// Which of several sources each example comes from: a short pattern, over and over.
///
/// In the pattern each source has its whole number of places, spread evenly: the next place goes to the source that is
/// furthest behind its share (smooth weighted round robin).
struct MixingPattern: Sendable {
  /// Where an example comes from.
  struct Place: Hashable {
    /// The source.
    var part: Int
    /// Which of its examples it is, over all epochs.
    var example: Int
  }

  /// How many examples of each source a pattern has.
  private let counts: [Int]
  /// For each place of the pattern the source, and how many of its examples come before in the pattern.
  private let places: [Place]

  /// Weights are exact if they are whole numbers, or decimals of up to three digits; otherwise to a thousandth.
  init(_ weights: [Double], count: Int) throws {
    guard weights.count == count else {
      throw StorageError(
        "\(weights.count.counted("weight")) for \(count.counted("set")) of data", at: "weights",
        fix: "give \(count) of them, one for each set, or another set of data")
    }
    guard weights.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw StorageError(
        "the weights are \(weights)", at: "weights", fix: "use positive numbers, such as 3 and 1")
    }
    counts = Self.counts(weights)
    places = Self.places(counts)
  }

  /// The share of each source, all together one.
  var shares: [Double] { counts.map { Double($0) / Double(places.count) } }

  /// Where the example at a position of the whole training comes from.
  func place(_ position: Int) -> Place {
    let (round, index) = position.quotientAndRemainder(dividingBy: places.count)
    let place = places[index]
    return Place(part: place.part, example: round * counts[place.part] + place.example)
  }

  /// The longest pattern.
  private static let limit = 1 << 16

  private static func counts(_ weights: [Double]) -> [Int] {
    let scale = [1.0, 10, 100, 1000].first { scale in
      weights.allSatisfy { ($0 * scale).isNearlyWhole }
    }
    let total = weights.reduce(0, +)
    let exact = scale.map { scale in weights.map { ($0 * scale).rounded() } }
    // What does not fit, and the sizes of data, are rounded to thousandths.
    let parts =
      exact.flatMap { $0.reduce(0, +) <= Double(limit) ? $0 : nil }
      ?? weights.map { max(1, ($0 / total * 1000).rounded()) }
    let whole = parts.map { Int($0) }
    let divisor = whole.reduce(0, greatestCommonDivisor)
    return whole.map { $0 / divisor }
  }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }

  private static func places(_ counts: [Int]) -> [Place] {
    let total = counts.reduce(0, +)
    var credit = counts.map { _ in 0 }
    var taken = credit
    return (0..<total).map { _ in
      for part in counts.indices { credit[part] += counts[part] }
      let next = credit.indices.max { credit[$0] < credit[$1] } ?? 0
      credit[next] -= total
      defer { taken[next] += 1 }
      return Place(part: next, example: taken[next])
    }
  }
}

extension Double {
  fileprivate var isNearlyWhole: Bool {
    self >= 0.5 && abs(self - rounded()) < 1e-9 * Swift.max(1, self)
  }
}
