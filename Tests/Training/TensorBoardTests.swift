import DeepEPStorage
import DeepEPTraining
import Foundation
import Testing

/// Scalars and histograms are written as TensorBoard's own writer writes them (`Fixtures/make_tensorboard.py`).
@Suite struct TensorBoardTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  /// A Python with the package, where it could be had (`Scripts/test-peers.sh`).
  fileprivate static let python = root.appendingPathComponent(
    "../../.deepep/tensorboard/bin/python"
  )
  .path

  private func withFile(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("deepep-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = try TensorBoardFile(folder: folder.appendingPathComponent("run").path, name: "x") {
      1.5
    }
    try file.write("loss", 4.25, step: 1)
    try file.write("tokens_per_second", 2300.5, step: 300)
    // Mean, deviation, smallest, largest; zeros, not finite and all; and how many are not below each edge.
    var tap = TapReport("h.attention", isGradient: false, [0.5, 1, -1, 3, 1, 0, 4])
    tap.histogram = [1, 2, 0, 1]
    try file.write(tap, step: 301)
    try body(folder.appendingPathComponent("run"))
  }

  @Test func bytesAreThoseOfItsWriter() throws {
    try withFile { folder in
      let found = try Data(contentsOf: folder.appendingPathComponent("events.out.tfevents.x"))
      #expect(
        try found
          == Data(contentsOf: Self.root.appendingPathComponent("Fixtures/tensorboard.bin")))
    }
  }

  /// What the package itself reads of the file.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: TensorBoardTests.python)))
  func tensorBoardOpensTheFile() throws {
    try withFile { folder in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: Self.python)
      process.arguments = [
        "-c",
        """
        import sys
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        events = EventAccumulator(sys.argv[1]); events.Reload()
        print(events.Scalars("loss")[0].value, events.Scalars("tokens_per_second")[0].step)
        histogram = events.Histograms("h.attention")[0].histogram_value
        print(histogram.min, histogram.max, list(histogram.bucket))
        """, folder.path,
      ]
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(text == "4.25 300\n-1.0 3.0 [1.0, 2.0, 0.0, 1.0]\n")
    }
  }

  @Test func aFolderThatCannotBeIsSaid() {
    let error = #expect(throws: StorageError.self) { try TensorBoardFile(folder: "/dev/null/run") }
    #expect(error?.what.contains("TensorBoard") == true)
  }
}
