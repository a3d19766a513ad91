import DeepEPStorage
import DeepEPTraining
import Foundation
import Testing

/// Scalars are written as TensorBoard's own writer writes them (`Fixtures/make_tensorboard.py`).
@Suite struct TensorBoardTests {
  @Test func bytesAreThoseOfItsWriter() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("deepep-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try TensorBoardFile(folder: "\(folder)/run", name: "x") { 1.5 }
    try file.write("loss", 4.25, step: 1)
    try file.write("tokens_per_second", 2300.5, step: 300)
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/tensorboard.bin")
    let found = try Data(
      contentsOf: URL(fileURLWithPath: "\(folder)/run/events.out.tfevents.x"))
    #expect(try found == Data(contentsOf: fixture))
  }

  @Test func aFolderThatCannotBeIsSaid() {
    let error = #expect(throws: StorageError.self) { try TensorBoardFile(folder: "/dev/null/run") }
    #expect(error?.what.contains("TensorBoard") == true)
  }
}
