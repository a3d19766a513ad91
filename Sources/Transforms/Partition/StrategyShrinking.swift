import DeepEPTensors

/// Strategies for fewer ranks, when some of a run's were lost.
extension Strategy {
  /// The same strategy with fewer data-parallel ranks, as many as a number of ranks has room for; of one such rank
  /// there is nothing that ZeRO could share or compression could round.
  ///
  /// - Returns: nil if the ranks are not a multiple of those that share a layer, or more than there were.
  package func shrunk(toRankCount count: Int) -> Strategy? {
    guard count > 0, tensor > 0, count % tensor == 0, count <= rankCount else { return nil }
    return sharing(count / tensor)
  }

  /// The same strategy with another number of data-parallel ranks, without what so many cannot do.
  func sharing(_ count: Int) -> Strategy {
    var strategy = self
    strategy.data = count
    if count == 1 { (strategy.zero, strategy.compression) = (0, .none) }
    let hasGroups =
      strategy.zero == 3 && secondary > 1 && secondary < count && count % secondary == 0
    if !hasGroups { strategy.secondary = 1 }
    return strategy
  }

  /// The numbers of ranks for which it works for a program once it is shrunk, the largest first.
  package func rankCounts(for program: Program) -> [Int] {
    (1...max(data, 1)).reversed().map { $0 * tensor }.filter { count in
      guard let strategy = shrunk(toRankCount: count) else { return false }
      return (try? strategy.check(program, rankCount: count)) != nil
    }
  }
}
