import DeepEPEvents
import DeepEPProfiling
import Testing

@Suite struct TimeSummaryTests {
  private func ring(_ parts: [(EventWork, Double)]) -> EventRing {
    var ring = EventRing(capacity: 2)
    for (work, seconds) in parts {
      ring.record(Event(name: "x", work: work, startSeconds: 0, durationSeconds: seconds))
    }
    return ring
  }

  /// Sums count what has fallen out of the ring, too.
  @Test func sharesAreOfTheTimeOfSteps() {
    let parts: [(EventWork, Double)] = [
      (.contraction, 0.5), (.contraction, 0.2), (.attention, 0.1), (.reduction, 0.05),
      (.optimizer, 0.06), (.data, 0.002),
    ]
    var summary = TimeSummary()
    #expect(summary.text == nil)
    summary.add(seconds: 1, ring(parts).seconds)
    #expect(
      summary.text
        == "contractions 70 %, attention 10 %, norms and losses 5 %, optimizer 6 %, "
        + "data 0.2 %, other 9 %; bound by: compute")
  }

  @Test(arguments: [
    (EventWork.data, "data"), (.communication, "communication"), (.optimizer, "memory"),
    (.other, "host"),
  ])
  func whatTakesMostBoundsTheRun(_ work: EventWork, _ bound: String) {
    var summary = TimeSummary()
    summary.add(seconds: 1, ring([(work, 0.6), (.contraction, 0.2)]).seconds)
    #expect(summary.bound == bound)
  }
}
