/// The queue on which something happened.
public enum EventQueue: String, Codable, Sendable, CaseIterable {
  case compute, communication, storage, host
}

/// One thing that took time: an instruction, a phase of start-up, a read.
public struct Event: Hashable, Codable, Sendable {
  /// What ran, such as `dot` or the name of a kernel.
  public var name: String
  /// The module path of the model that it belongs to, and behind a space the phase of the step; empty for what is
  /// no instruction.
  public var path: String
  /// The queue on which it ran.
  public var queue: EventQueue
  /// The kind of work.
  public var work: EventWork
  /// When it began, in seconds of ``Clock``.
  public var startSeconds: Double
  /// How long it took.
  public var durationSeconds: Double
  /// Floating-point operations that it performed.
  public var flops: Double
  /// Bytes that it read and wrote.
  public var bytes: Int

  /// Makes an event.
  public init(
    name: String, path: String = "", queue: EventQueue = .compute, work: EventWork = .other,
    startSeconds: Double, durationSeconds: Double, flops: Double = 0, bytes: Int = 0
  ) {
    self.name = name
    self.path = path
    self.queue = queue
    self.work = work
    self.startSeconds = startSeconds
    self.durationSeconds = durationSeconds
    self.flops = flops
    self.bytes = bytes
  }

  /// The phase of the step that it belongs to, such as `inputGradient`; nil for what is no instruction.
  public var phase: Substring? { path.split(separator: " ").last }
}
