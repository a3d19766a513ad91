/// Which algorithm is the fastest, as it was measured.
public struct AlgorithmTable: Hashable, Sendable {
  /// How many ranks there were, and on how many hosts.
  public struct Layout: Hashable, Sendable {
    /// On how many hosts.
    public var hostCount: Int
    /// How many ranks in all.
    public var rankCount: Int

    /// Makes a layout.
    public init(hostCount: Int, rankCount: Int) {
      self.hostCount = max(1, hostCount)
      self.rankCount = rankCount
    }

    /// How far another one is away: one host or several matters most, then hosts, then ranks of a host.
    func distance(to other: Layout) -> (Int, Int, Int) {
      (
        (hostCount > 1) == (other.hostCount > 1) ? 0 : 1, abs(hostCount - other.hostCount),
        abs(rankCount / hostCount - other.rankCount / other.hostCount)
      )
    }
  }

  /// The best algorithm for some sizes.
  public struct Row: Hashable, Sendable {
    /// What is done.
    public var collective: TunedCollective
    /// What was measured.
    public var layout: Layout
    /// Up to which size of the source, in bytes; nil is any.
    public var byteLimit: Int?
    /// The fastest one.
    public var algorithm: CollectiveAlgorithm

    /// Makes a row.
    public init(
      _ collective: TunedCollective, on layout: Layout, byteLimit: Int? = nil,
      algorithm: CollectiveAlgorithm
    ) {
      (self.collective, self.layout) = (collective, layout)
      (self.byteLimit, self.algorithm) = (byteLimit, algorithm)
    }
  }

  /// The rows, of ascending sizes for each collective and layout.
  public var rows: [Row]

  /// Makes a table.
  public init(rows: [Row]) { self.rows = rows }

  /// One algorithm for everything that has it.
  public init(_ algorithm: CollectiveAlgorithm) {
    let layout = Layout(hostCount: 1, rankCount: 1)
    rows = TunedCollective.allCases.map { collective in
      let fits = collective.algorithms.contains(algorithm)
      return Row(collective, on: layout, algorithm: fits ? algorithm : .direct)
    }
  }

  /// The best algorithm: that of the layout that was measured and is most like this one.
  public func algorithm(
    for collective: TunedCollective, byteCount: Int, hostCount: Int, rankCount: Int
  ) -> CollectiveAlgorithm {
    let layout = Layout(hostCount: hostCount, rankCount: rankCount)
    var best: (row: Row, distance: (Int, Int, Int))?
    for row in rows where row.collective == collective {
      guard row.byteLimit.map({ byteCount <= $0 }) ?? true else { continue }
      let distance = row.layout.distance(to: layout)
      // The first of a layout's rows that fits has the smallest size.
      if best.map({ distance < $0.distance }) ?? true {
        best = (row, distance)
      }
    }
    return best?.row.algorithm ?? .direct
  }
}
