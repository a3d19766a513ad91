import DeepEPCommunicationLinks
import Foundation
import Testing

/// Random failures of real jobs: everybody ends, says why, and leaves nothing behind.
///
/// `make failures` runs 200 of them and writes `docs/failures.md`; `DEEPEP_SEED` repeats some, and with
/// `DEEPEP_FAILURES_RECORD` what a run found is put together with what runs before it did.
@Suite(.serialized) struct FailureLaboratoryTests {
  private static var variables: [String: String] { ProcessInfo.processInfo.environment }

  private static var count: UInt64 { variables["DEEPEP_FAILURES"].flatMap { UInt64($0) } ?? 12 }

  /// Whether all kinds come depends on the seed's last digits.
  private static var seed: UInt64 {
    variables["DEEPEP_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<50_000) * 20
  }

  @Test func everyFailureIsNamedOnAllRanksAndLeavesNothing() throws {
    let (seed, hasLinks) = (Self.seed, LinkLaboratory.refusal == nil)
    let isFull = Self.variables["DEEPEP_FAILURES"] != nil
    var outcomes: [DisturbanceOutcome] = []
    for number in 0..<Self.count {
      let disturbance = Disturbance(seed: seed + number, hasLinks: hasLinks)
      do {
        let outcome = try DisturbanceRun.outcome(disturbance)
        outcomes.append(outcome)
        say(outcome)
        let problems = outcome.problems.joined(separator: "\n")
        #expect(problems.isEmpty, "\(disturbance.testDescription)\n\(problems)")
      } catch {
        Issue.record("\(disturbance.testDescription): \(error)")
      }
    }
    guard isFull else { return }
    // Alone on the machine, as the command is meant to be used.
    for outcome in outcomes where !outcome.isWithinLimit {
      Issue.record("too late: \(outcome.disturbance.testDescription), \(outcome.seconds) s")
    }
    if let path = Self.variables["DEEPEP_FAILURES_RECORD"] {
      let record = DisturbanceRecord(path)
      try record.add(outcomes, hasLinks: hasLinks)
      outcomes = record.outcomes
    }
    let report = DisturbanceReport(outcomes: outcomes)
    print(report.lines.joined(separator: "\n"))
    if let path = Self.variables["DEEPEP_FAILURES_REPORT"] { try report.write(to: path) }
  }

  private func say(_ outcome: DisturbanceOutcome) {
    let seconds = String(
      format: "%.3f s, clean after %.3f s", outcome.seconds, outcome.cleanSeconds)
    let isRight = outcome.problems.isEmpty && outcome.isWithinLimit
    print("\(isRight ? "ok " : "BAD") \(outcome.disturbance.testDescription): \(seconds)")
  }
}
