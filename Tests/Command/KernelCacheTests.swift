import Foundation
import Testing

/// `--kernel-cache`: processes share compiled kernels.
@Suite(.tags(.process)) struct KernelCacheTests {
  private static let text = String(
    repeating: "how vexingly quick daft zebras jump; pack my box with five dozen jugs.\n", count: 40
  )

  /// Trains for three steps; the losses.
  private func train(_ cache: String, in folder: URL, out: String) throws -> [Substring] {
    let run = try CommandRun(
      [
        "train", "text.txt", "--layers", "1", "--width", "16", "--heads", "2", "--context", "16",
        "--batch", "2", "--sample", "0", "--steps", "3", "--out", out, "--kernel-cache", cache,
      ], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    return run.output.matches(of: /loss ([0-9.]+)/).map(\.1)
  }

  /// Two at the same time on an empty folder, then one on what they left, then one without.
  @Test func processesShareAFolder() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("deepep-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(Self.text.utf8).write(to: folder.appendingPathComponent("text.txt"))
    async let first = train("cache", in: folder, out: "1")
    async let second = train("cache", in: folder, out: "2")
    let together = try await [first, second]
    let kept = folder.appendingPathComponent("cache").path
    let names = Set(try FileManager.default.contentsOfDirectory(atPath: kept))
    #expect(names.count > 5 && names.allSatisfy { $0.hasSuffix(".kernel") })
    let loaded = try train("cache", in: folder, out: "3")
    #expect(Set(try FileManager.default.contentsOfDirectory(atPath: kept)) == names)
    let compiled = try train("off", in: folder, out: "4")
    #expect(compiled.count >= 3 && loaded == compiled)
    #expect(together == [compiled, compiled])
  }
}
