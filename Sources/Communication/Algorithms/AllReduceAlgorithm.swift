/// How ranks that exchange messages sum.
///
/// All ranks get the same bits with each of them. They differ in the order in which elements are combined.
public enum AllReduceAlgorithm: String, Hashable, Codable, Sendable, CaseIterable {
  /// Each rank gets its share of all ranks at once, combines it in the order of the ranks, and gives
  /// the result to all. Two steps; each rank sends 2 (n − 1)/n of the bytes.
  case direct
  /// Shares go around the ring of the ranks and are combined on the way: share `c` begins at
  /// rank c + 1, and ends at rank c. 2 (n − 1) steps, of the same bytes in all as ``direct``,
  /// to one neighbour only.
  case ring
  /// Pairs of ranks at distance 1, 2, 4 … exchange all they have: the tree in which neighbours are combined
  /// first, the lower rank's part left. Of n ranks those beyond the largest power of two p
  /// first give theirs to rank r − p, to its right. log₂ n steps of all bytes.
  case recursiveDoubling = "recursive-doubling"
  /// The ranks of each host combine in their order; then each share is exchanged with the ranks of the other
  /// hosts that have the same, and combined in the order of the hosts; then each host puts the shares together.
  /// From a host of H go 2 (H − 1)/H of the bytes, however many ranks it has. Where all ranks are on one host,
  /// or hosts have different numbers of ranks, it is ``direct``.
  case hierarchical
}

/// Which algorithm is the fastest, as it was measured.
public struct AlgorithmTable: Hashable, Codable, Sendable {
  /// The best algorithm for some sizes.
  public struct Row: Hashable, Codable, Sendable {
    /// The number of ranks that was measured.
    public var rankCount: Int
    /// Up to which size of the source, in bytes; nil is any.
    public var byteLimit: Int?
    /// The fastest one.
    public var algorithm: AllReduceAlgorithm

    /// Makes a row.
    public init(rankCount: Int, byteLimit: Int? = nil, algorithm: AllReduceAlgorithm) {
      (self.rankCount, self.byteLimit, self.algorithm) = (rankCount, byteLimit, algorithm)
    }
  }

  /// The rows, of ascending sizes for each number of ranks.
  public var rows: [Row]

  /// Makes a table.
  public init(rows: [Row]) { self.rows = rows }

  /// One algorithm for everything.
  public init(_ algorithm: AllReduceAlgorithm) {
    rows = [Row(rankCount: 1, algorithm: algorithm)]
  }

  /// What is taken where nobody has measured: a link of 1 Gbit/s and 0.5 ms between hosts, where few
  /// bytes cost as much either way, and from then on the hierarchy always wins.
  public static var packaged: AlgorithmTable {
    AlgorithmTable(rows: [
      Row(rankCount: 1, byteLimit: 16 << 10, algorithm: .direct),
      Row(rankCount: 1, algorithm: .hierarchical),
    ])
  }

  /// The best algorithm: that of the measured number of ranks next below, or else the smallest one.
  public func algorithm(byteCount: Int, rankCount: Int) -> AllReduceAlgorithm {
    let measured = Set(rows.map(\.rankCount)).sorted()
    let nearest = measured.last { $0 <= rankCount } ?? measured.first
    let candidates = rows.filter { $0.rankCount == nearest }
    let fitting = candidates.first { $0.byteLimit.map { byteCount <= $0 } ?? true }
    return (fitting ?? candidates.last)?.algorithm ?? .direct
  }
}
