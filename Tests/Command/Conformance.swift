import Foundation
import Testing

/// How much of the suite that all transports pass runs on processes.
///
/// A few numbers of ranks, unless DEEPEP_LAWS=all asks for every one, as `make laws` does.
enum Conformance {
  static var isEverything: Bool {
    ProcessInfo.processInfo.environment["DEEPEP_LAWS"] == "all"
  }

  /// Of random cases; `DEEPEP_SEED` repeats those of a run.
  static var seed: String {
    ProcessInfo.processInfo.environment["DEEPEP_SEED"] ?? "\(Int.random(in: 0..<1 << 30))"
  }

  /// Every rank has found the serial computation.
  static func check(_ job: LaunchedJob, rankCount: Int, seed: String) {
    #expect(job.status() == 0, "DEEPEP_SEED=\(seed) \(job.output)\(job.errors)")
    let right = (0..<rankCount).map { "[\($0)] right" }
    #expect(job.lines.sorted() == right, "DEEPEP_SEED=\(seed) \(job.output)")
  }
}
