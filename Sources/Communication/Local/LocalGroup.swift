import Synchronization

/// Ranks that are threads of this process: the deterministic twin of a job of many processes.
public struct LocalGroup: Sendable {
  /// The communicators of the ranks, by their numbers.
  public let communicators: [any Communicator]
  private let job: Monitor<LocalJob>

  /// Makes the communicators of a group.
  ///
  /// - Parameters:
  ///   - rankCount: the number of ranks, at least one.
  ///   - timeLimitSeconds: how long a rank waits in an operation for the others to come.
  /// - Throws: ``CommunicationError`` if there is no rank.
  public init(rankCount: Int, timeLimitSeconds: Double = 60) throws {
    guard rankCount > 0 else {
      throw CommunicationError(
        "a group cannot have \(rankCount) ranks", at: "local group", fix: "ask for one or more")
    }
    let job = Monitor(LocalJob())
    self.job = job
    let peers = LocalPeers()
    communicators = (0..<rankCount).map { rank in
      let recorder = FlightRecorder()
      peers.add(recorder)
      return LocalCommunicator(
        rank: rank, of: .init(members: Array(0..<rankCount)), in: job, peers, recorder,
        timeLimitSeconds: timeLimitSeconds)
    }
  }

  /// Runs the ranks of a new group, each on a thread of its own, and returns what each of them returned.
  ///
  /// - Throws: what the first rank that failed has thrown; the others end because of it.
  public static func run<Result: Sendable>(
    rankCount: Int, timeLimitSeconds: Double = 60,
    _ body: @escaping @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    let group = try LocalGroup(rankCount: rankCount, timeLimitSeconds: timeLimitSeconds)
    let outcomes = Outcomes<Result>()
    var threads: [RankThread] = []
    for rank in 0..<rankCount {
      do {
        threads.append(
          try RankThread { outcomes.add(group.outcome(of: rank, body), of: rank) })
      } catch {
        outcomes.add(group.failed(rank, error), of: rank)
      }
    }
    for thread in threads { thread.join() }
    return try outcomes.results(failedRank: group.job.change { $0.failedRank })
  }

  private func outcome<Result>(
    of rank: Int, _ body: (any Communicator) throws -> Result
  ) -> Swift.Result<Result, any Error> {
    defer { job.change { _ = $0.ended.insert(rank) } }
    do { return .success(try body(communicators[rank])) } catch { return failed(rank, error) }
  }

  private func failed<Result>(_ rank: Int, _ error: any Error) -> Swift.Result<Result, any Error> {
    communicators[rank].fail("\(error)")
    return .failure(error)
  }
}

/// What the ranks returned or threw, in the order in which they ended.
private final class Outcomes<Result: Sendable>: Sendable {
  private let all = Mutex<[(rank: Int, outcome: Swift.Result<Result, any Error>)]>([])

  func add(_ outcome: Swift.Result<Result, any Error>, of rank: Int) {
    all.withLock { $0.append((rank, outcome)) }
  }

  /// The results by rank.
  func results(failedRank: Int?) throws -> [Result] {
    let all = all.withLock { $0 }
    if let original = all.first(where: { $0.rank == failedRank }) { _ = try original.outcome.get() }
    for (_, outcome) in all { _ = try outcome.get() }
    return try all.sorted { $0.rank < $1.rank }.map { try $0.outcome.get() }
  }
}
