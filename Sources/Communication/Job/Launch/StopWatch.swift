import DeepEPEvents
import Glibc

/// Which processes of a host are stopped, and have been for a while: SIGSTOP, a terminal, a debugger.
struct StopWatch {
  /// A stop that is shorter is none, as for a rank that has joined.
  private static var limitSeconds: Double { JobLimits().silenceSeconds }
  private static var lookSeconds: Double { 0.25 }

  private var nextLook = 0.0
  private var sinceSeconds: [pid_t: Double] = [:]

  /// Looks from time to time; returns those that are stopped, each of them every time.
  mutating func stopped(among processes: [pid_t]) -> [pid_t] {
    let now = Clock.seconds
    guard now >= nextLook else { return [] }
    nextLook = now + Self.lookSeconds
    let stopped = processes.filter { ProcessState(processIdentifier: $0) == .stopped }
    sinceSeconds = Dictionary(
      stopped.map { ($0, sinceSeconds[$0] ?? now) }, uniquingKeysWith: { first, _ in first })
    return stopped.filter { now - (sinceSeconds[$0] ?? now) >= Self.limitSeconds }
  }
}
