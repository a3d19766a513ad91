import DeepEPEvents

/// Counts the seconds for which its thread was running or ready to.
///
/// A thread that looks at it often, and then does not for a while, was not running: with its
/// machine asleep or its processor taken, it could not have heard anybody. Of such a pause only
/// `pauseSeconds` count.
struct AwakeClock {
  private let pauseSeconds: Double
  private var last = Clock.seconds
  private(set) var seconds = 0.0

  init(pauseSeconds: Double) { self.pauseSeconds = pauseSeconds }

  /// Moves the clock, and returns it.
  mutating func advance() -> Double {
    let now = Clock.seconds
    seconds += min(now - last, pauseSeconds)
    last = now
    return seconds
  }
}
