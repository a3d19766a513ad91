import Foundation
import Testing

/// The bytes that the plans of all models take are those that were committed.
@Suite struct PeakTests {
  private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("peaks.txt")

  /// `make peaks` writes the file; its change says what a commit does to memory.
  @Test func plansTakeWhatWasCommitted() throws {
    let committed = try String(contentsOf: Self.file, encoding: .utf8)
    let run = try CommandRun(["peaks"], in: FileManager.default.temporaryDirectory)
    #expect(run.status == 0)
    let (old, new) = (lines(committed), lines(run.output))
    #expect(
      new.filter { !old.contains($0) } == [], "make peaks, and commit Tests/Command/peaks.txt")
    #expect(old.filter { !new.contains($0) } == [])
  }

  /// Offsets waste at most 3 % over what is in use at once.
  @Test func offsetsAreNearTheirBound() throws {
    let committed = try String(contentsOf: Self.file, encoding: .utf8)
    let rows = lines(committed).dropFirst().map { $0.split(separator: " ") }
    #expect(rows.count > 9)
    for row in rows {
      let (values, alive) = try (#require(Double(row[4])), #require(Double(row[5])))
      #expect(values >= alive && values <= 1.03 * alive, "\(row)")
    }
  }

  private func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }
}
