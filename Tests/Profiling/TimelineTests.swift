import DeepEPEvents
import DeepEPProfiling
import FoundationEssentials
import Testing

/// A second of work at a time, from the given second on.
private func event(
  _ name: String, at second: Double, for seconds: Double = 1, path: String = "",
  on queue: EventQueue = .compute
) -> Event {
  Event(
    name: name, path: path, queue: queue, startSeconds: second, durationSeconds: seconds,
    flops: 2e9, bytes: 64)
}

/// Two steps of four seconds from second 100 on; a gradient is exchanged while the next one is computed.
private let timeline = RankTimeline(
  name: "rank 0 <here>",
  executed: [100.0, 104].flatMap { start in
    [
      event("dot \"a\\b\"", at: start, path: "blocks.0 forward"),
      event("dot", at: start + 1, path: "blocks.0 weightGradient"),
      event("dot", at: start + 2, path: "blocks.1 weightGradient"),
      event("wait", at: start + 3, for: 0.5, on: .communication),
      event("adamw", at: start + 3.5, for: 0.5, path: "blocks.0 update"),
      event("step", at: start, for: 4, on: .host),
    ]
  }, exchanged: [[event("all-reduce", at: 106, for: 1.5, on: .communication)], []])

@Suite struct TimelineTests {
  @Test func aRankHasALaneForWhatItDidAndLosesOldSteps() {
    #expect(timeline.lanes.map(\.name) == ["compute", "waiting", "exchange 1"])
    let last = timeline.last(1)
    #expect(last.steps.map(\.startSeconds) == [104])
    #expect(last.lanes.map(\.events.count) == [4, 1, 1])
  }

  @Test func theClockOfAnotherHostIsSetByThatOfTheFirstRank() {
    let moved = timeline.last(1, offsetSeconds: 4)
    #expect(moved.steps.map(\.startSeconds) == [100])
    #expect(moved.lanes[2].events.map(\.startSeconds) == [102])
  }

  /// As the Trace Event Format says: microseconds, processes, threads.
  @Test func theTraceIsThatOfTheFormat() throws {
    struct File: Decodable {
      struct Entry: Decodable {
        struct Arguments: Decodable {
          let name: String?
          let path: String?
          let bytes: Int?
        }
        let ph: String
        let name: String
        let pid: Int
        let tid: Int
        let ts: Double?
        let dur: Double?
        let args: Arguments
      }
      let traceEvents: [Entry]
    }
    let text = TraceText([timeline, timeline]).text
    let entries = try JSONDecoder().decode(File.self, from: Data(text.utf8)).traceEvents
    #expect(Set(entries.map(\.pid)) == [0, 1])
    let names = entries.filter { $0.ph == "M" && $0.pid == 1 }.compactMap(\.args.name)
    #expect(names == ["rank 0 <here>", "steps", "compute", "waiting", "exchange 1"])
    let exchange = try #require(entries.first { $0.name == "all-reduce" })
    #expect(exchange.ph == "X" && exchange.ts == 6e6 && exchange.dur == 1.5e6)
    #expect(exchange.args.bytes == 64)
    let dot = try #require(entries.first { $0.ph == "X" && $0.tid == 1 })
    #expect(dot.name == "dot \"a\\b\"" && dot.args.path == "blocks.0 forward")
  }

  /// The bars of the last step: forward, gradients side by side as one, update; the wait; the exchange.
  @Test func thePictureShowsTheLastStep() throws {
    let text = TimelinePicture([timeline]).text
    #expect(text.contains("step: 4000.0 ms") && text.contains("rank 0 &lt;here>"))
    let bars = text.matches(of: /<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"/)
    let kinds = 6
    #expect(bars.count == 3 + 1 + 1 + kinds)
    let lefts = bars.dropLast(kinds).compactMap { Double($0.1) }
    #expect(lefts == [120, 340, 890, 780, 560])
  }

  @Test func nothingThatHappenedIsNoFailure() {
    let empty = RankTimeline(name: "rank 0", executed: [], exchanged: [])
    #expect(TraceText([empty]).text.contains("rank 0"))
    #expect(TimelinePicture([empty]).text.hasSuffix("</svg>\n"))
    #expect(TimelinePicture([]).text.hasSuffix("</svg>\n"))
  }
}
