/// Who waits for whom among the ranks of a job, and who does so in vain.
///
/// Ranks compare what they call within a group, at its next message or meeting. But one that makes a group
/// where the others sum waits for them in another place than they for it, and no place sees both. So each
/// rank says which operations its threads wait in, and for whom, and the job looks for circles.
///
/// A wait is over when all of its ranks have come, and any rank may come one of whose threads goes
/// on, or waits for ranks all of which may come. A rank that computes is never in a circle, nor is one that
/// waits for it, so being slow is not taken for this.
struct WaitGraph {
  /// What each rank waits for; nothing if it goes on.
  private let waits: [[RankWait]]

  init(_ waits: [[RankWait]]) { self.waits = waits }

  /// The ranks none of whose threads can ever go on, ascending.
  var stuckRanks: [Int] {
    var isFree = waits.map { $0.isEmpty || $0.contains { $0.ranks.isEmpty } }
    /// Which waits a rank is missing in, and how many ranks are missing in each wait.
    var waiters: [Int: [(rank: Int, wait: Int)]] = [:]
    var missingCounts = waits.map { $0.map(\.ranks.count) }
    for (rank, all) in waits.enumerated() {
      for (wait, entry) in all.enumerated() {
        for missing in entry.ranks { waiters[missing, default: []].append((rank, wait)) }
      }
    }
    var next =
      waiters.keys.filter { !isFree.indices.contains($0) } + isFree.indices.filter { isFree[$0] }
    while let free = next.popLast() {
      for (rank, wait) in waiters[free] ?? [] {
        missingCounts[rank][wait] -= 1
        guard missingCounts[rank][wait] == 0, !isFree[rank] else { continue }
        isFree[rank] = true
        next.append(rank)
      }
    }
    return isFree.indices.filter { !isFree[$0] }
  }

  /// The error of ranks that wait for one another; nil if there are none.
  ///
  /// - Parameter place: the job.
  func failure(_ membership: @autoclosure () -> Membership, at place: String) -> CommunicationError?
  {
    let stuck = stuckRanks
    guard !stuck.isEmpty else { return nil }
    let membership = membership()
    let shown = stuck.prefix(Self.shownCount)
    let more = stuck.count > shown.count ? "; and \(stuck.count - shown.count) more" : ""
    let texts = shown.map { rank in
      let all = waits[rank].prefix(Self.shownThreadCount).map {
        "in \($0.operation.operationText) for \($0.ranks.namedRanks)"
      }
      return "\(membership.name(of: rank)) waits \(all.joined(separator: ", and "))"
    }
    return CommunicationError(
      "the ranks are out of step: they wait for one another, and nothing moves: "
        + texts.joined(separator: "; ") + more, at: place,
      fix:
        "all ranks of a group call the same operations, and make the same groups, in the same order; "
        + "two threads of a rank enter two groups in the order in which those of the other ranks do"
    )
  }

  /// How many ranks a failure names, and how many threads of each.
  private static var shownCount: Int { 8 }
  private static var shownThreadCount: Int { 3 }
}
