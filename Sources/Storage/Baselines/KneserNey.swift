/// Modified Kneser-Ney smoothing: discounted counts, and the weight of the shorter context.
///
/// N-grams of the full length have their counts; shorter ones the number of different tokens that
/// precede them.
struct KneserNey: Sendable {
  private var counts: [Int32]
  private var totals: [Int32]
  private var backOff: [Double]
  private let lengths: [UInt8]
  /// By length of the n-gram, the discounts of counts of 1, 2 and 3 or more.
  private var discounts: [[Double]]

  init(_ trie: NGramTrie, order: Int) {
    lengths = trie.lengths
    counts = trie.precedingCounts
    for node in counts.indices where lengths[node] == order { counts[node] = trie.counts[node] }
    // The very first n-grams of a text have no predecessor, but were seen.
    for node in counts.indices where counts[node] == 0 { counts[node] = 1 }
    totals = [Int32](repeating: 0, count: counts.count)
    backOff = [Double](repeating: 0, count: counts.count)
    discounts = KneserNey.discounts(counts, lengths, order: order)
    for node in counts.indices.dropFirst() {
      let parent = Int(trie.parents[node])
      totals[parent] += counts[node]
      backOff[parent] += discount(of: node)
    }
  }

  /// What the n-grams that extend `context` count together.
  func total(of context: Int32) -> Int32 { totals[Int(context)] }

  /// The probability of `node`, a child of `context` or nil if it was never seen.
  func probability(of node: Int32?, after context: Int32, shorter: Double) -> Double {
    let seen = node.map { Double(counts[Int($0)]) - discount(of: Int($0)) } ?? 0
    return (seen + backOff[Int(context)] * shorter) / Double(totals[Int(context)])
  }

  private func discount(of node: Int) -> Double {
    discounts[Int(lengths[node])][Int(min(counts[node], 3)) - 1]
  }

  /// The discounts of Chen and Goodman, equation 26, from how many n-grams have each count.
  private static func discounts(
    _ counts: [Int32], _ lengths: [UInt8], order: Int
  ) -> [[Double]] {
    var histogram = [[Double]](repeating: [0, 0, 0, 0, 0], count: order + 1)
    for node in counts.indices where counts[node] <= 4 {
      histogram[Int(lengths[node])][Int(counts[node])] += 1
    }
    return histogram.map { n in
      let y = n[1] / max(1, n[1] + 2 * n[2])
      return (1...3).map { k in
        let estimate = n[k] > 0 ? Double(k) - Double(k + 1) * y * n[k + 1] / n[k] : 0.5
        // Short n-grams are too few to estimate from; something must be left for the unseen.
        return min(max(estimate, 0.1), Double(k) - 0.1)
      }
    }
  }
}
