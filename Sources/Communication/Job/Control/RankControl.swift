import DeepEPEvents
import Glibc
import Synchronization

/// A rank's end of the control of a job whose ranks are processes.
///
/// A thread of its own talks with the hub: it says every 50 ms that the process lives, whatever the
/// rank itself is doing, and it hears of failures.
package final class RankControl: JobControl {
  struct State {
    /// What has come of exchanges.
    var given: [ExchangeName: [Int: [UInt8]]] = [:]
    var left: Set<Int> = []
    var records: [Int: [OperationRecord]] = [:]
    /// Whether the thread has ended.
    var isOver = false
  }

  struct Outgoing {
    var messages: [ControlMessage] = []
    var isLeaving = false
  }

  package let membership: Membership
  package let recorder = FlightRecorder(hasProcess: true)
  package let log = CommunicationLog()
  package let restart: Restart?
  let limits: JobLimits
  let flag = FailureFlag()
  let state = Monitor(State())
  let outgoing = Mutex(Outgoing())
  let waker: Waker
  let hubName: String
  /// The hub, if it runs in this process.
  private let hub: ControlHub?
  private let reportStragglers: (@Sendable (String) -> Void)?
  private let counts = Mutex<[ExchangeName: Int]>([:])

  /// - Parameters:
  ///   - hubName: how messages name the hub: "the launcher".
  ///   - early: what was read of the connection beyond the start of the job.
  ///   - reportStragglers: told at the end who waited for whom, if the hub runs in this process.
  init(
    _ membership: Membership, _ socket: Socket, early: [UInt8], hub: ControlHub?, hubName: String,
    restart: Restart?, reportStragglers: (@Sendable (String) -> Void)?, limits: JobLimits
  ) throws {
    (self.membership, self.hub, self.hubName) = (membership, hub, hubName)
    (self.restart, self.reportStragglers, self.limits) = (restart, reportStragglers, limits)
    hubPort = socket.remote.port
    waker = try Waker()
    _ = try RankThread { [self] in
      ProcessThreads.markService()
      ProcessThreads.runAtOnce()
      let connection = ControlConnection(socket, frameLimit: JobLimits.frameBytes, early: early)
      RankControlLoop(connection, self).run()
    }
  }

  /// The port at which the hub listens.
  package let hubPort: UInt16

  // MARK: Exchanges

  package func exchange(
    _ bytes: [UInt8], as name: String, among ranks: [Int]
  ) throws -> [[UInt8]] {
    try membership.checkExchange(bytes, as: name, among: ranks)
    if let failure = flag.failure { throw failure }
    let key = nextExchange(name, ranks)
    state.change { $0.given[key] = [:] }
    defer { state.change { $0.given[key] = nil } }
    let token = recorder.begin(
      "exchange", sequenceNumber: key.number, byteCount: bytes.count, isPart: true)
    recorder.board.wait(for: [], exchange: key.identity)
    defer {
      recorder.board.goOn()
      recorder.end(token)
    }
    send(.exchange(key, bytes))
    let outcome: Exchange = try state.wait(
      until: Clock.seconds + limits.joinSeconds
    ) { state, isLate in
      let given = state.given[key] ?? [:]
      if given.count == ranks.count { return .given(ranks.compactMap { given[$0] }) }
      if let failure = flag.failure { throw failure }
      let missing = ranks.filter { given[$0] == nil && (isLate || state.left.contains($0)) }
      return isLate || !missing.isEmpty ? .missing(missing) : nil
    }
    switch outcome {
    case .given(let bytes): return bytes
    case .missing(let ranks):
      throw fail(membership.missingInExchange(name, ranks, limits.joinSeconds))
    }
  }

  private enum Exchange { case given([[UInt8]]), missing([Int]) }

  private func nextExchange(_ name: String, _ ranks: [Int]) -> ExchangeName {
    var key = ExchangeName(name: name, ranks: ranks)
    key.number = counts.withLock { counts in
      defer { counts[key, default: 0] += 1 }
      return counts[key, default: 0]
    }
    return key
  }

  func send(_ message: ControlMessage) {
    outgoing.withLock { $0.messages.append(message) }
    waker.wake()
  }

  // MARK: Failure

  package var failure: CommunicationError? { flag.failure }

  package func onFailure(_ body: @escaping @Sendable () -> Void) { flag.onFailure(body) }

  @discardableResult
  package func fail(_ error: CommunicationError) -> CommunicationError {
    if let failure { return failure }
    send(.fail(error))
    // The hub collects what the other ranks did last. If it cannot, this rank's word has to do.
    let settled: Settled = state.wait(until: Clock.seconds + 1) { state, isLate in
      if let failure = flag.failure { return .job(failure) }
      return isLate || state.isOver ? .alone(withLastOperations(error, state)) : nil
    }
    switch settled {
    case .job(let failure): return failure
    case .alone(let error): return failAlone(error)
    }
  }

  private enum Settled { case job(CommunicationError), alone(CommunicationError) }

  /// Ends the job as far as this rank goes.
  @discardableResult
  func failAlone(_ error: CommunicationError) -> CommunicationError {
    let failure = flag.fail(error)
    state.change { _ in }
    return failure
  }

  /// An error with what this rank knows of all ranks' operations.
  func withLastOperations(_ error: CommunicationError, _ state: State) -> CommunicationError {
    var error = error
    error.lastOperations = membership.lastOperations { other in
      other == rank ? recorder.recent(JobReport.operationCount) : state.records[other] ?? []
    }
    return error
  }

  package func offer(_ point: RestartPoint) { send(.offer(point)) }

  // MARK: Leaving

  package func hasLeft(_ rank: Int) -> Bool { state.change { $0.left.contains(rank) } }

  package func leave() {
    outgoing.withLock { $0.isLeaving = true }
    waker.wake()
    state.wait(until: Clock.seconds + 1) { state, isLate in state.isOver || isLate ? () : nil }
    // The other ranks are connected to this process, until they leave or fail as well.
    hub?.waitUntilOver()
    hub?.stop()
    for line in hub?.stragglers?.lines ?? [] { reportStragglers?(line) }
  }
}
