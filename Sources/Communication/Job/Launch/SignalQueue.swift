import Glibc
import Synchronization

/// The signals by which a person or a batch system ends or stops a job, as values that a loop takes.
final class SignalQueue: Sendable {
  private let received = Mutex<[Int32]>([])

  /// Blocks the signals for this thread and those that it starts, and wakes `waker` when one comes.
  init(_ waker: Waker) throws {
    let wanted = Self.wanted
    var set = wanted
    pthread_sigmask(SIG_BLOCK, &set, nil)
    _ = try RankThread { [self] in
      while true {
        var set = wanted
        var number: Int32 = 0
        guard sigwait(&set, &number) == 0 else { return }
        received.withLock { $0.append(number) }
        waker.wake()
      }
    }
  }

  private static var wanted: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for number in [SIGINT, SIGTERM, SIGUSR1] { sigaddset(&set, number) }
    // It would come even though it is ignored, as under nohup, if it was blocked.
    if !IgnoredSignals.contains(SIGHUP) { sigaddset(&set, SIGHUP) }
    return set
  }

  /// The signals since this was asked last.
  func take() -> [Int32] {
    received.withLock { received in
      defer { received = [] }
      return received
    }
  }
}
