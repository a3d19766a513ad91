import Foundation

/// Outcomes in a file, a line each, so that a long run may be made in pieces.
struct DisturbanceRecord {
  private struct Line: Codable {
    var seed: UInt64
    var hasLinks: Bool
    var problems: [String]
    var seconds: Double
    var cleanSeconds: Double
  }

  private let path: String

  init(_ path: String) { self.path = path }

  /// What the file has; an outcome's disturbance follows from its seed.
  var outcomes: [DisturbanceOutcome] {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let lines = text.split(separator: "\n").compactMap {
      try? JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    return lines.map { line in
      DisturbanceOutcome(
        disturbance: Disturbance(seed: line.seed, hasLinks: line.hasLinks), problems: line.problems,
        seconds: line.seconds, cleanSeconds: line.cleanSeconds)
    }
  }

  /// Adds a line for each of some outcomes.
  func add(_ outcomes: [DisturbanceOutcome], hasLinks: Bool) throws {
    let old = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let lines = try outcomes.map { outcome in
      let line = Line(
        seed: outcome.disturbance.seed, hasLinks: hasLinks, problems: outcome.problems,
        seconds: outcome.seconds, cleanSeconds: outcome.cleanSeconds)
      return String(decoding: try JSONEncoder().encode(line), as: UTF8.self) + "\n"
    }
    try (old + lines.joined()).write(toFile: path, atomically: true, encoding: .utf8)
  }
}
