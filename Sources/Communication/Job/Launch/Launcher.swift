import Glibc

/// What `deepep launch` does: it starts the ranks of a job, and again after some were lost, if it may.
package final class Launcher {
  /// Where a line goes.
  package enum Stream: Sendable {
    case output, errors
  }

  private let options: LaunchOptions
  private let write: @Sendable (Stream, [UInt8]) -> Void
  private let waker: Waker
  private let signals: SignalQueue
  private var start: RankStart
  private var ranks: LaunchedRanks

  /// Starts the supervisors of all hosts, which start the ranks.
  ///
  /// - Parameter write: takes whole lines.
  /// - Throws: ``CommunicationError``: too few places, a port that is taken, a program that cannot be started.
  package init(
    _ options: LaunchOptions, write: @escaping @Sendable (Stream, [UInt8]) -> Void
  ) throws {
    (self.options, self.write) = (options, write)
    waker = try Waker()
    signals = try SignalQueue(waker)
    start = RankStart(rankCount: options.rankCount, hosts: options.hosts)
    ranks = try LaunchedRanks(start, options, waker, signals, write)
  }

  /// Runs until all ranks have ended, and none are started again.
  ///
  /// - Returns: the exit status of the job: that of the first rank that failed.
  package func run() -> Int32 {
    while true {
      let end = ranks.run()
      guard !end.lost.isEmpty, !end.isWanted, options.restartCount > 0 else { return end.status }
      do {
        guard try startAgain(after: end) else { return end.status }
      } catch {
        say("\(error)")
        return end.status
      }
    }
  }

  private func startAgain(after end: LaunchedRanks.End) throws -> Bool {
    let (next, limit) = (
      try start.next(without: end.lost, from: end.restartPoint), options.restartCount
    )
    let number = next.restart?.number ?? 0
    let lost = "\(end.lost.sorted().namedRanks) \(end.lost.count == 1 ? "is" : "are") lost"
    guard number <= limit else {
      say("\(lost), and the job was started again \(limit) times, as often as it may")
      return false
    }
    let ranks = "\(next.rankCount) rank\(next.rankCount == 1 ? "" : "s")"
    let change = next.rankCount == start.rankCount ? "again" : "instead of \(start.rankCount)"
    let place =
      end.restartPoint?.checkpoint.map { "step \($0.step) (\($0.path))" }
      ?? next.restart?.checkpoint ?? "the beginning, since there is no checkpoint yet"
    say("\(lost): restart \(number) of \(limit) with \(ranks) \(change), from \(place)")
    start = next
    self.ranks = try LaunchedRanks(start, options, waker, signals, write)
    return true
  }

  private func say(_ text: String) { write(.errors, Array("deepep launch: \(text)\n".utf8)) }
}
