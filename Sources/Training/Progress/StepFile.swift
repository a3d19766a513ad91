import DeepEPStorage
import Glibc

/// A file with a line of JSON for each step of a run: `{"step":1,"loss":4.35,"seconds":0.02}`.
package final class StepFile {
  private let path: String
  private let descriptor: Int32

  /// Opens the file; what is in it stays if the run goes on from a checkpoint.
  ///
  /// - Throws: ``StorageError`` if it cannot be written.
  package init(_ path: String, isContinued: Bool) throws {
    self.path = path
    descriptor = open(
      path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (isContinued ? 0 : O_TRUNC), 0o666)
    guard descriptor >= 0 else { throw Self.error(at: path) }
  }

  deinit { close(descriptor) }

  /// Adds a step.
  package func write(step: Int, loss: Double, seconds: Double) throws {
    // A loss that is no number is no JSON either.
    let loss = loss.isFinite ? "\(loss)" : "null"
    do {
      try TerminalOutput(descriptor: descriptor).write(
        "{\"step\":\(step),\"loss\":\(loss),\"seconds\":\(Quantity.fixed(seconds, 6))}\n")
    } catch { throw Self.error(at: path) }
  }

  private static func error(at path: String) -> StorageError {
    StorageError(
      "the log cannot be written: \(String(cString: strerror(errno)))", at: path,
      fix: "choose another place with --log, or free some space")
  }
}
