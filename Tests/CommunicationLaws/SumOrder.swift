import DeepEPCommunication

/// In which order the elements of the ranks are combined, two at a time.
package indirect enum SumTree: Sendable {
  /// The elements of a rank.
  case rank(Int)
  /// What has been combined on the left, with what has been on the right.
  case pair(SumTree, SumTree)

  /// From left to right.
  static func folded(_ parts: [SumTree]) -> SumTree {
    parts.dropFirst().reduce(parts[0]) { .pair($0, $1) }
  }

  /// Neighbours first, after those beyond the largest power of two have joined the first ones.
  static func doubled(_ parts: [SumTree]) -> SumTree {
    var power = 1
    while 2 * power <= parts.count { power *= 2 }
    var level = (0..<power).map { place in
      place + power < parts.count ? .pair(parts[place], parts[place + power]) : parts[place]
    }
    while level.count > 1 {
      level = stride(from: 0, to: level.count, by: 2).map { .pair(level[$0], level[$0 + 1]) }
    }
    return level[0]
  }

  /// What the terms of the ranks make up.
  func value<Number>(
    _ terms: [ArraySlice<Number>], _ combine: (Number, Number) -> Number
  ) -> [Number] {
    switch self {
    case .rank(let rank): Array(terms[rank])
    case .pair(let left, let right):
      zip(left.value(terms, combine), right.value(terms, combine)).map(combine)
    }
  }
}

/// The order that an algorithm documents for all elements, which are cut into as many parts as there are trees.
package struct SumOrder: Sendable {
  /// How large the parts are.
  private enum Cut {
    /// The first ones may have one element more.
    case evenly
    /// All but the last ones have the same size.
    case fromTheFirst
  }

  private let trees: [SumTree]
  private let cut: Cut
  let rankCount: Int

  private init(_ trees: [SumTree], _ rankCount: Int, cut: Cut = .evenly) {
    (self.trees, self.rankCount, self.cut) = (trees, rankCount, cut)
  }

  /// The order of the ranks.
  package init(rankCount: Int) {
    self.init([.folded((0..<rankCount).map { .rank($0) })], rankCount)
  }

  /// What ``CollectiveAlgorithm`` says, for an all-reduce or for a reduce-scatter.
  ///
  /// - Parameters:
  ///   - places: the host of each rank of the group.
  ///   - outer: those of the groups that it is a part of; the first is the job.
  package init(
    _ algorithm: CollectiveAlgorithm, places: [Int], within outer: [[Int]], isAllReduce: Bool
  ) {
    let hosts = Self.hosts(places)
    let sums = hosts.map { SumTree.folded($0.map { .rank($0) }) }
    let isHierarchy = (outer + [places]).allSatisfy { Self.areEqualHosts(Self.hosts($0)) }
    let ranks = places.indices.map { SumTree.rank($0) }
    switch algorithm {
    case .ring where isAllReduce:
      let shares = ranks.indices.map { share in
        SumTree.folded((1...ranks.count).map { ranks[(share + $0) % ranks.count] })
      }
      self.init(shares, ranks.count)
    case .recursiveDoubling where isAllReduce: self.init([.doubled(ranks)], ranks.count)
    case .hierarchical where isHierarchy: self.init([.folded(sums)], ranks.count)
    case .hierarchicalDoubling where isHierarchy && isAllReduce:
      let shards = hosts[0].indices.map { place in
        let order = hosts.indices.sorted { hosts[$0][place] < hosts[$1][place] }
        return SumTree.doubled(order.map { sums[$0] })
      }
      self.init(shards, ranks.count, cut: .fromTheFirst)
    default: self.init(rankCount: ranks.count)
    }
  }

  /// The ranks of each host, in the order of their first ranks.
  private static func hosts(_ places: [Int]) -> [[Int]] {
    Dictionary(grouping: places.indices) { places[$0] }.values.sorted { $0[0] < $1[0] }
  }

  private static func areEqualHosts(_ hosts: [[Int]]) -> Bool {
    hosts.count > 1 && Set(hosts.map(\.count)).count == 1
  }

  /// What the terms of all ranks make up.
  func value<Number>(_ terms: [[Number]], _ combine: (Number, Number) -> Number) -> [Number] {
    trees.enumerated().flatMap { part, tree in
      let range = range(part, of: terms[0].count)
      return tree.value(terms.map { $0[range] }, combine)
    }
  }

  private func range(_ part: Int, of count: Int) -> Range<Int> {
    let (whole, rest) = count.quotientAndRemainder(dividingBy: trees.count)
    switch cut {
    case .evenly:
      let start = part * whole + min(part, rest)
      return start..<start + whole + (part < rest ? 1 : 0)
    case .fromTheFirst:
      let size = whole + (rest > 0 ? 1 : 0)
      return min(count, part * size)..<min(count, (part + 1) * size)
    }
  }
}
