/// A rank's part of the heartbeats: when to say that it lives, and whether the hub still says so.
///
/// Its time is that for which the rank itself was awake, so that a pause of its machine is not the hub's silence.
struct HubVigil {
  private let limits: JobLimits
  private var clock: AwakeClock
  private var lastBeat = -1.0
  private var heardSeconds = 0.0

  init(_ limits: JobLimits) {
    self.limits = limits
    clock = AwakeClock(pauseSeconds: 2 * limits.heartbeatSeconds)
  }

  /// Whether this rank has to say that it lives; then it is taken to have done so.
  mutating func isBeatDue() -> Bool {
    let now = clock.advance()
    guard now - lastBeat >= limits.heartbeatSeconds else { return false }
    lastBeat = now
    return true
  }

  /// Notes a message of the hub.
  mutating func hasHeard() { heardSeconds = clock.seconds }

  /// Why the hub is lost; nil while it was heard.
  var silence: String? {
    let silence = clock.seconds - heardSeconds
    guard silence > limits.silenceSeconds else { return nil }
    let seconds = (silence * 10).rounded() / 10
    return "it was not heard for \(seconds) s: it was stopped, or the network is down"
  }
}
