import Synchronization

/// Why a job has ended, once; and who wants to know.
final class FailureFlag: Sendable {
  private struct State {
    var failure: CommunicationError?
    var observers: [@Sendable () -> Void] = []
  }

  private let isSet = Atomic(false)
  private let state = Mutex(State())

  /// Why the job has ended; nil while it goes on.
  var failure: CommunicationError? {
    isSet.load(ordering: .acquiring) ? state.withLock { $0.failure } : nil
  }

  /// Keeps the first failure, and returns it.
  @discardableResult
  func fail(_ error: CommunicationError) -> CommunicationError {
    let (failure, told) = state.withLock { state -> (CommunicationError, State) in
      if let failure = state.failure { return (failure, State()) }
      defer { state.observers = [] }
      state.failure = error
      isSet.store(true, ordering: .releasing)
      return (error, state)
    }
    for observer in told.observers { observer() }
    return failure
  }

  /// Calls `body` when there is a failure, at once if there is one.
  func onFailure(_ body: @escaping @Sendable () -> Void) {
    let isNow = state.withLock { state in
      if state.failure == nil { state.observers.append(body) }
      return state.failure != nil
    }
    if isNow { body() }
  }
}
