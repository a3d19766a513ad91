import DeepEPEvents
import Synchronization

/// What ranks that are threads of one process see of one another; it looks after them as a hub does after processes.
final class LocalPeers: Sendable {
  /// How often it looks at most.
  static var lookSeconds: Double { 0.1 }

  private struct State {
    var recorders: [FlightRecorder] = []
    var histories: [WaitHistory] = []
    var lookedSeconds = -1.0
  }

  private let state = Mutex(State())

  /// Adds the next rank.
  func add(_ recorder: FlightRecorder) {
    state.withLock { state in
      state.recorders.append(recorder)
      state.histories.append(WaitHistory())
    }
  }

  var rankCount: Int { state.withLock { $0.recorders.count } }

  func lastOperations(_ membership: Membership) -> [String] {
    let recorders = state.withLock { $0.recorders }
    return membership.lastOperations { recorders[$0].recent(JobReport.operationCount) }
  }

  /// The error of ranks that wait for one another; nil if there are none, or if it has just been looked for.
  func circle(_ membership: Membership, at place: String) -> CommunicationError? {
    guard var error = look()?.failure(membership, at: place) else { return nil }
    error.lastOperations = lastOperations(membership)
    return error
  }

  private func look() -> WaitGraph? {
    let now = Clock.seconds
    return state.withLock { state in
      guard now - state.lookedSeconds >= Self.lookSeconds else { return nil }
      state.lookedSeconds = now
      for (rank, recorder) in state.recorders.enumerated() {
        state.histories[rank].note(recorder.board.waits, at: now)
      }
      return WaitGraph(state.histories.map { $0.lasting(JobLimits().restSeconds, at: now) })
    }
  }
}
