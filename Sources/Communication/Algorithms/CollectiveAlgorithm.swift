/// How ranks that exchange messages work together.
///
/// All ranks get the same bits with each of them. Those that sum differ in the order in which elements are combined.
/// Sums have all of them, other collectives ``direct`` and ``hierarchical``.
public enum CollectiveAlgorithm: String, Hashable, Codable, Sendable, CaseIterable {
  /// Each rank gets its share of all ranks at once, combines it in the order of the ranks, and gives
  /// the result to all. Two steps; each rank sends 2 (n − 1)/n of the bytes. Other collectives are one such
  /// step; a broadcast is a binomial tree.
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
  /// From a host of H go 2 (H − 1)/H of the bytes, however many ranks it has. Blocks are reduced within the host
  /// before they leave it, gathered between counterparts before they are spread, and go to a counterpart
  /// first where each rank has one for each other; a broadcast goes from host to host. Where all
  /// ranks are on one host, or hosts have different numbers of ranks, it is ``direct``, also in all
  /// groups of such ranks.
  case hierarchical
  /// As ``hierarchical``, but shares are exchanged by recursive doubling among the ranks that have
  /// the same, in the order of those ranks: log₂ H steps between hosts. For sums only.
  case hierarchicalDoubling = "hierarchical-doubling"
}

/// A collective whose algorithm is chosen.
public enum TunedCollective: String, Hashable, Codable, Sendable, CaseIterable {
  case allReduce = "all-reduce"
  case reduceScatter = "reduce-scatter"
  case allGather = "all-gather"
  case allToAll = "all-to-all"
  case broadcast

  /// What there is to choose from.
  public var algorithms: [CollectiveAlgorithm] {
    self == .allReduce ? CollectiveAlgorithm.allCases : [.direct, .hierarchical]
  }
}
