import DeepEPEvents
import Glibc
import Synchronization

/// The control of a job whose ranks are threads of this process: the deterministic twin of the real one.
package final class LocalJobControl: JobControl {
  package let membership: Membership
  package let recorder: FlightRecorder
  package let log = CommunicationLog()
  private let job: Monitor<State>
  private let flag: FailureFlag
  private let peers: LocalPeers
  private let timeLimitSeconds: Double
  private let counts = Mutex<[ExchangeName: Int]>([:])

  private init(
    _ membership: Membership, _ job: Monitor<State>, _ flag: FailureFlag, _ peers: LocalPeers,
    _ timeLimitSeconds: Double
  ) {
    (self.membership, self.job, self.flag, self.peers) = (membership, job, flag, peers)
    self.timeLimitSeconds = timeLimitSeconds
    recorder = FlightRecorder { [weak peers, flag] in
      // Without a hub, whoever waits looks whether anybody is left who could go on.
      let place = "job \(membership.jobName)"
      if let error = peers?.circle(membership, at: place) { flag.fail(error) }
    }
    peers.add(recorder)
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
    let (job, flag, peers) = (Monitor(State()), FailureFlag(), LocalPeers())
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
      "exchange", sequenceNumber: key.number, byteCount: bytes.count, isPart: true)
    defer {
      recorder.board.goOn()
      recorder.end(token)
    }
    job.change { $0.exchanges[key, default: [:]][rank] = bytes }
    let deadline = Clock.seconds + timeLimitSeconds
    while true {
      switch try wait(for: key, until: deadline) {
      case .given(let bytes): return bytes
      case .missing(let ranks): recorder.board.wait(for: ranks)
      }
    }
  }

  private enum Exchange { case given([[UInt8]]), missing([Int]) }

  /// Waits for the other ranks for a moment.
  private func wait(for key: ExchangeName, until deadline: Double) throws -> Exchange {
    let end = min(deadline, Clock.seconds + LocalPeers.lookSeconds)
    return try job.wait(until: end) { state, isOver in
      let given = state.exchanges[key] ?? [:]
      let missing = key.ranks.filter { given[$0] == nil }
      if missing.isEmpty {
        state.finish(key)
        return .given(key.ranks.compactMap { given[$0] })
      }
      if let failure = flag.failure { throw failure }
      if isOver && end == deadline || missing.contains(where: state.left.contains) {
        throw flag.fail(membership.missingInExchange(key.name, missing, timeLimitSeconds))
      }
      return isOver ? .missing(missing) : nil
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
    report.lastOperations = peers.lastOperations(membership)
    let failure = flag.fail(report)
    job.change { _ in }
    return failure
  }

  package var failure: CommunicationError? { flag.failure }

  package func onFailure(_ body: @escaping @Sendable () -> Void) { flag.onFailure(body) }

  package var restart: Restart? { nil }

  /// Nobody would start threads again.
  package func offer(_ point: RestartPoint) {}

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
}
