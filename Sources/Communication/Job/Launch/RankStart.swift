/// How many ranks are started, on which hosts, and whether others came before them.
package struct RankStart: Hashable, Sendable {
  package var rankCount: Int
  /// None is this host.
  package var hosts: [LaunchHost]
  package var restart: Restart?

  /// Describes a start.
  package init(rankCount: Int, hosts: [LaunchHost], restart: Restart? = nil) {
    (self.rankCount, self.hosts, self.restart) = (rankCount, hosts, restart)
  }

  /// The start that follows this one after some ranks were lost: with the ranks that are left where the job can
  /// have so few, and else with as many as before.
  package func next(without lost: Set<Int>, from point: RestartPoint?) throws -> RankStart {
    var next = self
    next.restart = Restart(
      number: (restart?.number ?? 0) + 1,
      checkpoint: point?.checkpoint?.path ?? restart?.checkpoint)
    guard let count = point?.rankCount(among: rankCount - lost.count), count > 0 else {
      return next
    }
    next.rankCount = count
    let places = try LaunchPlan(rankCount: rankCount, hosts: hosts).places
    next.hosts = places.compactMap { place in
      let left = place.ranks.count { !lost.contains($0) }
      return place.host.flatMap { left > 0 ? LaunchHost(name: $0, slotCount: left) : nil }
    }
    return next
  }

  /// The variables by which ranks learn of it.
  var variables: [String] {
    [
      "DEEPEP_RANK_COUNT=\(rankCount)", "DEEPEP_RESTART=\(restart?.number ?? 0)",
      "DEEPEP_RESTART_CHECKPOINT=\(restart?.checkpoint ?? "")",
    ]
  }
}
