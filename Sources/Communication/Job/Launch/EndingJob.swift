import DeepEPEvents
import Glibc

/// How the ranks of a job that has failed are ended: they hear of the failure and may end by
/// themselves, then they are asked to, then they are killed.
struct EndingJob {
  private let startSeconds = Clock.seconds
  private let steps: [(seconds: Double, signal: Int32)]
  private var next = 0

  init(graceSeconds: Double = 0.7) {
    steps = [(graceSeconds, SIGTERM), (graceSeconds + 0.8, SIGKILL)]
  }

  private var seconds: Double { Clock.seconds - startSeconds }

  /// The next signal, once its time has come.
  mutating func dueSignal() -> Int32? {
    guard next < steps.count, seconds >= steps[next].seconds else { return nil }
    defer { next += 1 }
    return steps[next].signal
  }

  /// Whether all supervisors were told to kill their ranks.
  var isKilling: Bool { next == steps.count }

  /// Whether a supervisor should long have ended, and is not heard: its host may be out of reach.
  func isOverdue(_ host: SupervisedHost) -> Bool {
    let silence = min(seconds - steps[steps.count - 1].seconds, Clock.seconds - host.heardSeconds)
    return silence > 0.5
  }
}
