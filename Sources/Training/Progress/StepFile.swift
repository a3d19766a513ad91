import DeepEPStorage
import FoundationEssentials
import Glibc

/// A file with a line of JSON for each step of a run: `{"step":1,"loss":4.35,"seconds":0.02}`.
package final class StepFile {
  private let path: String
  private let descriptor: Int32

  /// Opens the file, and keeps of it what comes before the steps that the run will make.
  ///
  /// A run that was interrupted has written steps after its last checkpoint, which are made again.
  ///
  /// - Parameter step: The last step of the checkpoint from which the run goes on; 0 begins the file anew.
  /// - Throws: ``StorageError`` if it cannot be written.
  package init(_ path: String, afterStep step: Int) throws {
    self.path = path
    let kept = step == 0 ? 0 : Self.byteCount(of: path, upToStep: step)
    descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0o666)
    // What is no file, such as a pipe, has nothing to be cut off.
    guard descriptor >= 0, ftruncate(descriptor, off_t(kept)) == 0 || errno == EINVAL else {
      throw Self.error(at: path)
    }
  }

  /// How much of a file stands before the first whole line of a later step.
  private static func byteCount(of path: String, upToStep last: Int) -> Int {
    guard let text = try? Data(contentsOf: URL(filePath: path)) else { return 0 }
    var count = 0
    for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      let step = String(decoding: line, as: UTF8.self).prefixMatch(of: /{"step":(\d+),/)
      if step.flatMap({ Int($0.1) }).map({ $0 > last }) ?? false { break }
      count += line.count + 1
    }
    return min(count, text.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)
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
