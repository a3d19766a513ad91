import DeepEPEvents

/// A timeline in the Trace Event Format, which Perfetto and chrome://tracing open.
///
/// Ranks are its processes, lanes its threads; times are in microseconds since the first event
/// (Trace Event Format, Google 2016: complete events "X" and metadata "M").
public struct TraceText {
  private let ranks: [RankTimeline]
  private let startSeconds: Double

  /// Describes the ranks, in the order of their numbers.
  public init(_ ranks: [RankTimeline]) {
    self.ranks = ranks
    startSeconds =
      ranks.flatMap { $0.steps + $0.lanes.flatMap(\.events) }.map(\.startSeconds).min() ?? 0
  }

  /// The file.
  public var text: String {
    let lines = ranks.enumerated().flatMap { rank, timeline in
      [metadata("process_name", rank, 0, timeline.name)]
        + lane(RankTimeline.Lane("steps", .compute, timeline.steps), rank, 0)
        + timeline.lanes.enumerated().flatMap { lane($1, rank, $0 + 1) }
    }
    return "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
      + lines.joined(separator: ",\n") + "\n]}\n"
  }

  private func lane(_ lane: RankTimeline.Lane, _ rank: Int, _ number: Int) -> [String] {
    [metadata("thread_name", rank, number, lane.name)]
      + lane.events.map { complete($0, rank, number) }
  }

  private func metadata(_ kind: String, _ rank: Int, _ lane: Int, _ name: String) -> String {
    "{\"ph\":\"M\",\"name\":\"\(kind)\",\"pid\":\(rank),\"tid\":\(lane),"
      + "\"args\":{\"name\":\(JSONText.quoted(name))}}"
  }

  private func complete(_ event: Event, _ rank: Int, _ lane: Int) -> String {
    let (start, duration) = (event.startSeconds - startSeconds, event.durationSeconds)
    return
      "{\"ph\":\"X\",\"name\":\(JSONText.quoted(event.name)),\"cat\":\"\(event.queue.rawValue)\","
      + "\"pid\":\(rank),\"tid\":\(lane),\"ts\":\(Self.microseconds(start)),"
      + "\"dur\":\(Self.microseconds(duration)),\"args\":{\(arguments(event))}}"
  }

  private func arguments(_ event: Event) -> String {
    var parts: [String] = []
    if !event.path.isEmpty { parts.append("\"path\":\(JSONText.quoted(event.path))") }
    if event.bytes > 0 { parts.append("\"bytes\":\(event.bytes)") }
    if event.flops > 0 { parts.append("\"flops\":\(Int(event.flops))") }
    return parts.joined(separator: ",")
  }

  /// To a nanosecond.
  private static func microseconds(_ seconds: Double) -> String {
    "\((seconds * 1e9).rounded() / 1e3)"
  }
}
