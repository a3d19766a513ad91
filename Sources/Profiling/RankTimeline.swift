import DeepEPEvents

/// What one rank did in its last steps, on the clock of the first rank.
public struct RankTimeline: Hashable, Codable, Sendable {
  /// What the events of a lane have in common.
  public enum Activity: String, Hashable, Codable, Sendable {
    /// Instructions that compute, or steps as a whole.
    case compute
    /// The thread that runs instructions waits for other ranks.
    case waiting
    /// Ranks exchange bytes.
    case exchange
  }

  /// A row of a timeline: things that follow one another.
  public struct Lane: Hashable, Codable, Sendable {
    /// What people read beside the lane.
    public var name: String
    /// What its events have in common.
    public var activity: Activity
    /// What happened, in the order of time.
    public var events: [Event]

    /// Makes a lane.
    public init(_ name: String, _ activity: Activity, _ events: [Event]) {
      (self.name, self.activity) = (name, activity)
      self.events = events.sorted { $0.startSeconds < $1.startSeconds }
    }
  }

  /// How people name the rank.
  public var name: String
  /// The steps, one event each.
  public var steps: [Event]
  /// Its lanes, from the top.
  public var lanes: [Lane]

  /// Sorts what a rank has recorded by lanes.
  ///
  /// - Parameters:
  ///   - name: How people name the rank.
  ///   - executed: What the thread that runs instructions did: its steps on ``EventQueue/host``, compute, and on
  ///     ``EventQueue/communication`` and ``EventQueue/storage`` what it had to wait for.
  ///   - exchanged: The operations of each queue of communication, from the first queue.
  public init(name: String, executed: [Event], exchanged: [[Event]]) {
    self.name = name
    steps = executed.filter { $0.queue == .host }
    lanes = [
      Lane("compute", .compute, executed.filter { $0.queue == .compute }),
      Lane("waiting", .waiting, executed.filter { $0.queue == .communication }),
      Lane("data", .waiting, executed.filter { $0.queue == .storage }),
    ]
    lanes += exchanged.enumerated().map { Lane("exchange \($0 + 1)", .exchange, $1) }
    lanes.removeAll { $0.events.isEmpty }
  }

  /// The timeline without what ended before the last steps began, on a clock that shows less.
  ///
  /// - Parameter offsetSeconds: What this clock shows more than that of the first rank.
  public func last(_ count: Int, offsetSeconds: Double = 0) -> RankTimeline {
    guard let start = steps.suffix(count).first?.startSeconds else { return self }
    var result = self
    result.steps = moved(steps, since: start, offsetSeconds)
    result.lanes = lanes.map {
      Lane($0.name, $0.activity, moved($0.events, since: start, offsetSeconds))
    }
    return result
  }

  private func moved(_ events: [Event], since start: Double, _ offset: Double) -> [Event] {
    events.filter { $0.startSeconds >= start }.map { event in
      var event = event
      event.startSeconds -= offset
      return event
    }
  }
}
