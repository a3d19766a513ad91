import DeepEPEvents
import Glibc
import Synchronization

/// What ends a run before its last step: a signal, a time limit, a call, an output that nobody reads any more.
///
/// The run then finishes its step, writes a checkpoint, and ends in good order. Of several ranks all end after the same
/// step, whichever was asked.
public final class StopRequest: Sendable {
  /// Who or what asked.
  public enum Reason: Int, Hashable, Sendable, CustomStringConvertible {
    case interrupt = 1, termination, userSignal, timeLimit, call, hangUp, readerGone

    /// For people: "Ctrl-C".
    public var description: String {
      switch self {
      case .interrupt: "Ctrl-C"
      case .termination: "SIGTERM"
      case .userSignal: "SIGUSR1"
      case .timeLimit: "the time limit"
      case .call: "the program"
      case .hangUp: "SIGHUP"
      case .readerGone: "the end of its output, which nobody reads any more,"
      }
    }
  }

  private let asked = Atomic(0)
  private let isStepping = Atomic(false)
  private let deadlineSeconds: Double

  /// Makes a request that nobody has made yet.
  ///
  /// - Parameter timeLimitSeconds: After how much time from now the run stops; nil never.
  public init(timeLimitSeconds: Double? = nil) {
    deadlineSeconds = Clock.seconds + (timeLimitSeconds ?? .infinity)
  }

  /// Makes a request that SIGINT, SIGTERM, SIGHUP and SIGUSR1 make, each of them unless it is ignored.
  ///
  /// To be made before the program starts other threads. A second Ctrl-C ends the process at once, and so does any of the
  /// signals before the first step, when there is nothing to be saved.
  ///
  /// - Throws: ``TrainingError`` if the system has no room for a thread.
  public static func signals(timeLimitSeconds: Double? = nil) throws -> StopRequest {
    let request = StopRequest(timeLimitSeconds: timeLimitSeconds)
    try SignalWatch.start { request.take(signal: $0) }
    return request
  }

  /// Asks the run to stop; the first reason counts.
  public func ask(_ reason: Reason = .call) {
    _ = asked.compareExchange(
      expected: 0, desired: reason.rawValue, ordering: .sequentiallyConsistent)
  }

  /// Why the run has to stop; nil as long as it need not.
  public var reason: Reason? {
    if let reason = Reason(rawValue: asked.load(ordering: .sequentiallyConsistent)) {
      return reason
    }
    return Clock.seconds >= deadlineSeconds ? .timeLimit : nil
  }

  /// From now on there is something to be saved.
  func stepsBegin() { isStepping.store(true, ordering: .sequentiallyConsistent) }

  /// An output that asks the run to stop when its reader is gone, and says no more from then on.
  ///
  /// Before the first step that is the error which it is without a run: there is nothing to be saved.
  package func watching(_ output: TerminalOutput) -> TerminalOutput {
    output.whenReaderIsGone { [self] in
      guard isStepping.load(ordering: .sequentiallyConsistent) else {
        throw OutputError.readerGone
      }
      ask(.readerGone)
    }
  }

  private func take(signal number: Int32) {
    let isAsked = asked.load(ordering: .sequentiallyConsistent) != 0
    let isStepping = isStepping.load(ordering: .sequentiallyConsistent)
    if !isStepping || number == SIGINT && isAsked { SignalWatch.endProcess(by: number) }
    switch number {
    case SIGINT: ask(.interrupt)
    case SIGTERM: ask(.termination)
    case SIGHUP: ask(.hangUp)
    default: ask(.userSignal)
    }
  }
}
