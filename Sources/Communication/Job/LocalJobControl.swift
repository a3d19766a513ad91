import DeepEPEvents
import Glibc
import Synchronization

/// The control of a job whose ranks are threads of this process: the deterministic twin of the real one.
package final class LocalJobControl: JobControl {
  package let membership: Membership
  package let recorder = FlightRecorder()
  private let job: Monitor<State>
  private let flag: FailureFlag
  private let peers: Peers
  private let timeLimitSeconds: Double
  private let counts = Mutex<[ExchangeName: Int]>([:])

  private init(
    _ membership: Membership, _ job: Monitor<State>, _ flag: FailureFlag, _ peers: Peers,
    _ timeLimitSeconds: Double
  ) {
    (self.membership, self.job, self.flag, self.peers) = (membership, job, flag, peers)
    self.timeLimitSeconds = timeLimitSeconds
    peers.recorders.withLock { $0.append(recorder) }
  }

  /// Makes the controls of the ranks of a job, by their numbers.
  ///
  /// - Parameters:
  ///   - hosts: how many ranks each host has that the ranks pretend to run on.
  ///   - addresses: of the hosts; none: all are this one.
  ///   - timeLimitSeconds: how long a rank waits in an exchange for the others to come.
  package static func job(
    hosts: [Int], addresses: [String] = [], timeLimitSeconds: Double = 60
  ) -> [LocalJobControl] {
    let places = hosts.enumerated().flatMap { host, count in Array(repeating: host, count: count) }
    return job(places: places, addresses: addresses, timeLimitSeconds: timeLimitSeconds)
  }

  /// Makes the controls of the ranks of a job, by their numbers.
  ///
  /// - Parameter places: the host of each rank, by its number.
  package static func job(
    places: [Int], addresses: [String] = [], timeLimitSeconds: Double = 60
  ) -> [LocalJobControl] {
    let members = places.map { host in
      Membership.Member(
        hostName: "local\(host)", hostIdentifier: "local\(host)", processIdentifier: getpid(),
        address: addresses.indices.contains(host) ? addresses[host] : "127.0.0.1")
    }
    let name = "local-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    let (job, flag, peers) = (Monitor(State()), FailureFlag(), Peers())
    return members.indices.map { rank in
      LocalJobControl(
        Membership(jobName: name, rank: rank, members: members), job, flag, peers,
        timeLimitSeconds)
    }
  }

  package func exchange(
    _ bytes: [UInt8], as name: String, among ranks: [Int]
  ) throws -> [[UInt8]] {
    try membership.checkExchange(bytes, as: name, among: ranks)
    if let failure = flag.failure { throw failure }
    let key = nextExchange(name, ranks)
    let token = recorder.begin(
      "exchange", sequenceNumber: key.number, byteCount: bytes.count)
    defer { recorder.end(token) }
    job.change { $0.exchanges[key, default: [:]][rank] = bytes }
    return try job.wait(until: Clock.seconds + timeLimitSeconds) { state, isLate in
      let given = state.exchanges[key] ?? [:]
      if given.count == ranks.count {
        state.finish(key)
        return ranks.compactMap { given[$0] }
      }
      if let failure = flag.failure { throw failure }
      guard isLate || ranks.contains(where: { given[$0] == nil && state.left.contains($0) }) else {
        return nil
      }
      throw flag.fail(
        membership.missingInExchange(name, ranks.filter { given[$0] == nil }, timeLimitSeconds))
    }
  }

  private func nextExchange(_ name: String, _ ranks: [Int]) -> ExchangeName {
    var key = ExchangeName(name: name, ranks: ranks)
    key.number = counts.withLock { counts in
      defer { counts[key, default: 0] += 1 }
      return counts[key, default: 0]
    }
    return key
  }

  @discardableResult
  package func fail(_ error: CommunicationError) -> CommunicationError {
    var report = error
    let recorders = peers.recorders.withLock { $0 }
    report.lastOperations = membership.lastOperations {
      recorders[$0].recent(JobReport.operationCount)
    }
    let failure = flag.fail(report)
    job.change { _ in }
    return failure
  }

  package var failure: CommunicationError? { flag.failure }

  package func onFailure(_ body: @escaping @Sendable () -> Void) { flag.onFailure(body) }

  package func hasLeft(_ rank: Int) -> Bool { job.change { $0.left.contains(rank) } }

  package func leave() { job.change { _ = $0.left.insert(rank) } }
}

extension LocalJobControl {
  private struct State {
    var exchanges: [ExchangeName: [Int: [UInt8]]] = [:]
    var takenCounts: [ExchangeName: Int] = [:]
    var left: Set<Int> = []

    /// Notes that a rank has taken the bytes of an exchange; the last one clears them away.
    mutating func finish(_ key: ExchangeName) {
      takenCounts[key, default: 0] += 1
      guard takenCounts[key] == key.ranks.count else { return }
      takenCounts[key] = nil
      exchanges[key] = nil
    }
  }

  /// What ranks of one process see of one another.
  private final class Peers: Sendable {
    let recorders = Mutex<[FlightRecorder]>([])
  }
}
