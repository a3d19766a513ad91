/// Which ranks of a group run on which host.
struct HostLayout: Hashable, Sendable {
  /// The ranks of each host, as numbers of the group, ascending; the hosts in the order of their first ranks.
  let hosts: [[Int]]
  /// The host of this rank.
  let host: Int
  /// The place of this rank among those of its host.
  let place: Int

  /// Finds the layout of some ranks of a job.
  ///
  /// - Parameter members: numbers of the job, this rank's among them.
  init(_ members: [Int], in membership: Membership) {
    let groups = Dictionary(grouping: members.indices) {
      membership.members[members[$0]].hostIdentifier
    }
    let hosts = groups.values.sorted { $0[0] < $1[0] }
    let rank = members.firstIndex(of: membership.rank) ?? 0
    let host = hosts.firstIndex { $0.contains(rank) } ?? 0
    (self.hosts, self.host) = (hosts, host)
    place = hosts[host].firstIndex(of: rank) ?? 0
  }

  /// Whether all hosts have the same number of ranks.
  var isEven: Bool { Set(hosts.map(\.count)).count == 1 }

  /// How many ranks each host has, if all have the same number.
  var placeCount: Int { hosts[host].count }

  /// The host of a rank of the group, and its place there.
  func location(of rank: Int) -> (host: Int, place: Int) {
    for (host, ranks) in hosts.enumerated() {
      if let place = ranks.firstIndex(of: rank) { return (host, place) }
    }
    return (0, 0)
  }

  /// The ranks that have this rank's place on each host, in the order of the hosts.
  var counterparts: [Int] { hosts.map { $0[place] } }
}
