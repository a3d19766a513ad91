import DeepEPCommunication
import Glibc

/// Waits for the signals by which people and batch systems end a process, on a thread of its own.
enum SignalWatch {
  private static let numbers = [SIGINT, SIGTERM, SIGHUP, SIGUSR1]

  /// Blocks the signals for this thread and those that it starts later, and hands each one that comes to `body`.
  static func start(_ body: @escaping @Sendable (Int32) -> Void) throws {
    var signals = wanted
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let watcher = Unmanaged.passRetained(Watcher(signals: signals, body: body))
    var thread = pthread_t()
    let status = pthread_create(&thread, nil, watchSignals, watcher.toOpaque())
    guard status == 0 else {
      watcher.release()
      throw TrainingError(
        what: "no thread can be started: \(String(cString: strerror(status)))", place: "signals",
        fix: "raise the limits on threads and memory")
    }
    pthread_detach(thread)
  }

  /// Those that are not ignored, as they are in what `nohup` or a script has started in the background.
  private static var wanted: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in numbers where !IgnoredSignals.contains(number) { sigaddset(&signals, number) }
    return signals
  }

  /// Ends the process as the signal would have done.
  static func endProcess(by number: Int32) {
    signal(number, SIG_DFL)
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, number)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    raise(number)
  }
}

private final class Watcher: Sendable {
  let signals: sigset_t
  let body: @Sendable (Int32) -> Void

  init(signals: sigset_t, body: @escaping @Sendable (Int32) -> Void) {
    (self.signals, self.body) = (signals, body)
  }
}

/// What the thread runs, as C calls it.
private func watchSignals(_ watcher: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let watcher else { return nil }
  let taken = Unmanaged<Watcher>.fromOpaque(watcher).takeRetainedValue()
  var signals = taken.signals
  while true {
    var number: Int32 = 0
    guard sigwait(&signals, &number) == 0 else { return nil }
    taken.body(number)
  }
}
