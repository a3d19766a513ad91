/// Whether all ranks of a job wait for something, and nothing has moved for a while anywhere.
///
/// Ranks compare what they call within a group, at its next message or meeting. But one that makes a group
/// where the others sum waits for them in another place than they for it, and no place
/// sees both. So each rank says when it waits without anything moving, and by which number that
/// wait goes; if all of them do, with the same numbers for a while, nobody is left who could go on.
/// A rank that is only slow does not wait, so being slow is never taken for this.
struct CommonRest: Sendable {
  private var numbers: [UInt64] = []
  private var sinceSeconds = 0.0

  /// Looks again.
  ///
  /// - Parameter now: in seconds for which the hub was awake.
  mutating func isEndless(_ ranks: [LedgerRank], _ limits: JobLimits, _ now: Double) -> Bool {
    let present = ranks.filter { $0.isConnected && !$0.hasLeft }
    let current = present.map(\.restNumber)
    // What a rank said a while ago may be over: it was stopped, or the network is down.
    let isHeard = present.allSatisfy { now - $0.heardSeconds < limits.restSeconds / 2 }
    guard !current.isEmpty, isHeard, !current.contains(0), current == numbers else {
      (numbers, sinceSeconds) = (current, now)
      return false
    }
    return now - sinceSeconds > limits.restSeconds
  }
}
