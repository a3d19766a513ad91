/// A thread of a rank that waits in an operation for other ranks.
package struct RankWait: Hashable, Sendable {
  /// The most ranks that a wait names: it is in vain if one of them never comes.
  package static var rankLimit: Int { 8 }

  /// The operation that the thread is in.
  package var operation: OperationRecord
  /// Ranks of the job without which it cannot go on.
  package var ranks: [Int]
  /// The exchange that it waits for, of which only the hub knows who is missing; zero if it is none.
  package var exchange: UInt64

  /// Makes a wait.
  package init(operation: OperationRecord, ranks: [Int], exchange: UInt64 = 0) {
    (self.operation, self.exchange) = (operation, exchange)
    self.ranks = Array(ranks.prefix(Self.rankLimit))
  }
}

/// What the threads of a rank wait for at a moment.
package struct RankWaits: Hashable, Sendable {
  /// The most threads of a rank that are told apart.
  package static var threadLimit: Int { 32 }

  /// Tells this state of all threads from those before and after it; zero while one of them does not wait.
  package var restNumber: UInt64
  /// The threads that wait for other ranks; those that wait for threads of their own rank do not count.
  package var waits: [RankWait]

  /// Makes the waits of a rank.
  package init(restNumber: UInt64 = 0, waits: [RankWait] = []) {
    (self.restNumber, self.waits) = (restNumber, waits)
  }
}

/// What a rank has said of its waits last, and since when nothing has changed in it.
struct WaitHistory: Sendable {
  private var waits = RankWaits()
  private var sinceSeconds = 0.0

  mutating func note(_ waits: RankWaits, at seconds: Double) {
    if waits.restNumber != self.waits.restNumber { sinceSeconds = seconds }
    self.waits = waits
  }

  /// The waits, if they have lasted for some time; none while the rank goes on.
  func lasting(_ seconds: Double, at now: Double) -> [RankWait] {
    waits.restNumber != 0 && now - sinceSeconds > seconds ? waits.waits : []
  }
}
