/// What its events have in common: an instruction, say, that runs in every step.
///
/// A class, so that an event of it is recorded by counting one reference.
public final class EventSubject: Sendable {
  /// As ``Event/name``.
  public let name: String
  /// As ``Event/path``.
  public let path: String
  /// As ``Event/queue``.
  public let queue: EventQueue
  /// As ``Event/work``.
  public let work: EventWork
  /// As ``Event/flops``.
  public let flops: Double
  /// As ``Event/bytes``.
  public let bytes: Int

  /// Makes a subject.
  public init(
    name: String, path: String = "", queue: EventQueue = .compute, work: EventWork = .other,
    flops: Double = 0, bytes: Int = 0
  ) {
    (self.name, self.path, self.queue, self.work) = (name, path, queue, work)
    (self.flops, self.bytes) = (flops, bytes)
  }

  /// The subject of an event.
  public convenience init(_ event: Event) {
    self.init(
      name: event.name, path: event.path, queue: event.queue, work: event.work,
      flops: event.flops, bytes: event.bytes)
  }
}
