/// The most recent events, in a buffer of a fixed size.
public struct EventRing: Sendable {
  private var events: [Event] = []
  private var next = 0
  private let capacity: Int
  /// How many events were ever recorded, those that fell out included.
  public private(set) var recordedCount = 0
  /// How long all that was ever recorded took, by kind of work.
  public private(set) var seconds = WorkSeconds()

  /// Makes an empty ring that keeps the last `capacity` events.
  public init(capacity: Int) {
    self.capacity = max(1, capacity)
    events.reserveCapacity(self.capacity)
  }

  /// Records an event; the oldest one falls out of a full ring.
  public mutating func record(_ event: Event) {
    if events.count < capacity { events.append(event) } else { events[next] = event }
    next = (next + 1) % capacity
    recordedCount += 1
    seconds[event.work] += event.durationSeconds
  }

  /// The events that are kept, oldest first.
  public var recent: [Event] {
    events.count < capacity ? events : Array(events[next...] + events[..<next])
  }

  /// How long nothing but communication went on since a time, as far as the events are kept.
  public func communicationSeconds(since startSeconds: Double) -> Double {
    events.filter { $0.queue == .communication && $0.startSeconds >= startSeconds }
      .reduce(0) { $0 + $1.durationSeconds }
  }

  /// The part of the time of instructions that are kept in which nothing but communication went on; nil if they
  /// have none.
  public var communicationShare: Double? {
    let exposed = communicationSeconds(since: -.infinity)
    let all = events.filter { $0.queue != .host }.reduce(0) { $0 + $1.durationSeconds }
    return exposed > 0 ? exposed / all : nil
  }
}
