/// The most recent events, in a buffer of a fixed size.
public struct EventRing: Sendable {
  private var moments: [Moment] = []
  private var next = 0
  private let capacity: Int
  /// How many events were ever recorded, those that fell out included.
  public private(set) var recordedCount = 0
  /// How long all that was ever recorded took, by kind of work.
  public private(set) var seconds = WorkSeconds()

  /// Makes an empty ring that keeps the last `capacity` events.
  public init(capacity: Int) {
    self.capacity = max(1, capacity)
    moments.reserveCapacity(self.capacity)
  }

  /// Records that something took time; the oldest event falls out of a full ring.
  public mutating func record(
    _ subject: EventSubject, startSeconds: Double, durationSeconds: Double
  ) {
    let moment = Moment(
      subject: subject, startSeconds: startSeconds, durationSeconds: durationSeconds)
    if moments.count < capacity { moments.append(moment) } else { moments[next] = moment }
    next += 1
    if next == capacity { next = 0 }
    recordedCount += 1
    seconds[subject.work] += durationSeconds
  }

  /// Records an event that does not come again and again.
  public mutating func record(_ event: Event) {
    record(
      EventSubject(event), startSeconds: event.startSeconds,
      durationSeconds: event.durationSeconds)
  }

  /// The events that are kept, oldest first.
  public var recent: [Event] {
    (moments.count < capacity ? moments[...] : moments[next...] + moments[..<next]).map(\.event)
  }

  /// How long nothing but communication went on since a time, as far as the events are kept.
  public func communicationSeconds(since startSeconds: Double) -> Double {
    moments.reduce(0) {
      $1.subject.queue == .communication && $1.startSeconds >= startSeconds
        ? $0 + $1.durationSeconds : $0
    }
  }

  /// The part of the time of instructions that are kept in which nothing but communication went on; nil if they
  /// have none.
  public var communicationShare: Double? {
    let exposed = communicationSeconds(since: -.infinity)
    let all = moments.reduce(0) { $1.subject.queue != .host ? $0 + $1.durationSeconds : $0 }
    return exposed > 0 ? exposed / all : nil
  }
}

/// One event of a ring, small since most subjects have many.
private struct Moment: Sendable {
  var subject: EventSubject
  var startSeconds: Double
  var durationSeconds: Double

  var event: Event {
    Event(
      name: subject.name, path: subject.path, queue: subject.queue, work: subject.work,
      startSeconds: startSeconds, durationSeconds: durationSeconds, flops: subject.flops,
      bytes: subject.bytes)
  }
}
