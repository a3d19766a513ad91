import Foundation
import Testing

/// Being slow is no failure: eight ranks on whatever processors there are, beside one who takes all it gets, and one
/// rank that is three seconds late.
///
/// `make failures` asks for 100,000 operations by `DEEPEP_COLLECTIVES`.
@Suite(.serialized) struct SlownessTests {
  private static var operationCount: Int {
    ProcessInfo.processInfo.environment["DEEPEP_COLLECTIVES"].flatMap { Int($0) } ?? 1000
  }

  @Test(arguments: ["shared-memory", "tcp"]) func slowIsNotDead(_ transport: String) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("slow-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let hog = try BesideProcess(
      ["/bin/sh", "-c", "while :; do :; done"], variables: [:],
      output: folder.appendingPathComponent("hog"))
    defer { hog.finish() }
    let count = Self.operationCount
    let job = try BesideProcess(
      [
        BuiltProgram.deepep, "launch", "-n", "8", "--", BuiltProgram.rank, "stream", transport,
        "count=\(count)", "bytes=512", "late=5:\(count / 2):3",
      ], variables: [:], output: folder.appendingPathComponent("output"))
    job.wait()
    let lines = job.lines
    #expect(job.status == 0, "\(lines.joined(separator: "\n"))")
    for rank in 0..<8 { #expect(lines.contains("[\(rank)] left"), "\(lines)") }
    try DisturbanceReport.add(
      "\(count) operations of 8 ranks over \(transport) beside a program that takes all the processor it gets, "
        + "one rank 3 s late: no alarm.")
  }
}
