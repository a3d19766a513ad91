extension AlgorithmTable {
  /// Makes rows of what was measured: of each size the fastest algorithm.
  ///
  /// A row ends halfway to the next size, on a scale of powers. An algorithm that is the best for a size also stands for
  /// the next one if it is no more than 3 % slower there than the best: so much is chance.
  public init(_ times: [AlgorithmFile.Time]) {
    rows = []
    for collective in TunedCollective.allCases {
      let own = times.filter { $0.collective == collective }
      for layout in Set(own.map(\.layout)).sorted() {
        rows += Self.rows(
          collective, layout,
          own.filter { $0.layout == layout }.sorted { $0.bytes < $1.bytes })
      }
    }
  }

  private static func rows(
    _ collective: TunedCollective, _ layout: Layout, _ times: [AlgorithmFile.Time]
  ) -> [Row] {
    var rows: [Row] = []
    for (index, time) in times.enumerated() {
      guard let algorithm = best(of: time, for: collective, before: rows.last?.algorithm) else {
        continue
      }
      let next = index + 1 < times.count ? times[index + 1].bytes : nil
      let limit = next.map { Int((Double(time.bytes) * Double($0)).squareRoot()) }
      if rows.last?.algorithm == algorithm { rows.removeLast() }
      rows.append(Row(collective, on: layout, byteLimit: limit, algorithm: algorithm))
    }
    return rows
  }

  private static func best(
    of time: AlgorithmFile.Time, for collective: TunedCollective, before: CollectiveAlgorithm?
  ) -> CollectiveAlgorithm? {
    let seconds = collective.algorithms.compactMap { algorithm in
      time.seconds[algorithm.rawValue].map { (algorithm, $0) }
    }
    guard let best = seconds.min(by: { $0.1 < $1.1 }) else { return nil }
    let kept = seconds.first { $0.0 == before && $0.1 <= 1.03 * best.1 }
    return kept?.0 ?? best.0
  }

  /// This table, and the rows of another one for what this one does not have.
  public func completed(by other: AlgorithmTable) -> AlgorithmTable {
    let missing = other.rows.filter { row in
      !rows.contains { $0.collective == row.collective && $0.layout == row.layout }
    }
    return AlgorithmTable(rows: rows + missing)
  }
}

extension AlgorithmFile.Time {
  /// What was measured.
  var layout: AlgorithmTable.Layout { .init(hostCount: hosts, rankCount: ranks) }
}

extension AlgorithmTable.Layout: Comparable {
  /// Fewer hosts first, then fewer ranks.
  public static func < (left: Self, right: Self) -> Bool {
    (left.hostCount, left.rankCount) < (right.hostCount, right.rankCount)
  }
}
