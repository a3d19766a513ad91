import Foundation

/// What came of many disturbances, as a table.
struct DisturbanceReport {
  let outcomes: [DisturbanceOutcome]

  /// In the form of `docs/failures.md`.
  var lines: [String] {
    let groups = Dictionary(grouping: outcomes, by: Row.init)
    let rows = groups.sorted { "\($0.key)" < "\($1.key)" }
    return [
      "| failure | between ranks | started by | runs | named, nothing left | limit | median | slowest | in time |",
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ] + rows.map { line($0.key, $0.value) } + [line("**all**", "", "", "", outcomes)]
  }

  private struct Row: Hashable, CustomStringConvertible {
    let kind, transport, starter: String
    let limitSeconds: Double

    init(_ outcome: DisturbanceOutcome) {
      let disturbance = outcome.disturbance
      (kind, transport) = (disturbance.kind.name, disturbance.transport.rawValue)
      switch disturbance.starter {
      case .launch: starter = "deepep launch"
      case .variables: starter = "torchrun's variables"
      case .mpirun: starter = "mpirun"
      }
      limitSeconds = disturbance.limitSeconds
    }

    var description: String { "\(kind) \(transport) \(starter)" }
  }

  private func line(_ row: Row, _ outcomes: [DisturbanceOutcome]) -> String {
    line(row.kind, row.transport, row.starter, "\(row.limitSeconds) s", outcomes)
  }

  private func line(
    _ kind: String, _ transport: String, _ starter: String, _ limit: String,
    _ outcomes: [DisturbanceOutcome]
  ) -> String {
    let seconds = outcomes.map { max(0, $0.seconds) }.sorted()
    let cells = [
      kind, transport, starter, "\(outcomes.count)",
      "\(outcomes.count { $0.problems.isEmpty })", limit, Self.text(seconds[seconds.count / 2]),
      Self.text(seconds[seconds.count - 1]), "\(outcomes.count(where: \.isWithinLimit))",
    ]
    return "| " + cells.joined(separator: " | ") + " |"
  }

  private static func text(_ seconds: Double) -> String { String(format: "%.3f s", seconds) }

  /// Writes the lines to a file, under a title, in place of what stands there.
  func write(to path: String) throws {
    let seed = outcomes.map(\.disturbance.seed).min() ?? 0
    let text = """
      # Failures

      What `make failures` found when it was run last, on \(Self.processor) with \
      \(ProcessInfo.processInfo.activeProcessorCount) cores: \(outcomes.count) random failures in jobs of 2 to 8 \
      real processes, from seed \(seed) on. Times are from the failure to the end of the last rank that was \
      not hit itself; `links` are hosts in network namespaces, on which MPI's launcher takes some seconds more. \
      `Tests/Communication/Failures` has the laboratory.

      \(lines.joined(separator: "\n"))

      Nothing of any job was left \(Self.text(outcomes.map(\.cleanSeconds).max() ?? 0)) after its failure.

      """
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  }

  /// Adds a sentence to the file of the report, if one is written.
  static func add(_ sentence: String) throws {
    guard let path = ProcessInfo.processInfo.environment["DEEPEP_FAILURES_REPORT"] else { return }
    let old = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    try (old + "\n" + sentence + "\n").write(toFile: path, atomically: true, encoding: .utf8)
  }

  private static var processor: String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? "a processor"
  }
}
