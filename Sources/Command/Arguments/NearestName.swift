/// Finds the name that somebody probably meant.
enum NearestName {
  /// The candidate with the fewest typing mistakes from `name`, if they are few.
  static func of(_ name: String, among candidates: [String]) -> String? {
    let nearest = candidates.map { ($0, distance(name.lowercased(), $0.lowercased())) }
      .min { $0.1 < $1.1 }
    guard let (candidate, mistakes) = nearest else { return nil }
    return mistakes <= max(1, candidate.count / 3) ? candidate : nil
  }

  /// The Damerau-Levenshtein distance, optimal string alignment.
  ///
  /// The fewest insertions, deletions, replacements and swaps of neighbours between two texts.
  static func distance(_ left: String, _ right: String) -> Int {
    let (a, b) = (Array(left), Array(right))
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var best = min(last[j + 1], row[j]) + 1
        best = min(best, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, beforeLast[j - 1] + 1)
        }
        row.append(best)
      }
      (beforeLast, last) = (last, row)
    }
    return last[b.count]
  }
}
