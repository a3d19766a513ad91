import DeepEPEvents
import DeepEPStorage
import FoundationEssentials
import Glibc

/// A file with a line of JSON for each step of a run: `{"step":1,"loss":4.35,"seconds":0.02,…}`.
package final class MetricsFile {
  /// What was measured of a step.
  package struct Line {
    package var step: Int
    package var loss: Double
    /// Since the run began.
    package var seconds: Double
    package var validationLoss: Double?
    package var learningRate: Double?
    package var gradientNorm: Double?
    package var speed: Double?
    package var speedUnit = SpeedUnit.tokens
    package var gigaflopsPerSecond: Double?
    package var memoryBytes: Int?
    /// Tapped values.
    package var taps: [TapReport] = []

    package init(step: Int, loss: Double, seconds: Double) {
      (self.step, self.loss, self.seconds) = (step, loss, seconds)
    }

    /// What was measured beside the loss, by name.
    var numbers: [(name: String, number: Double)] {
      let all: [(name: String, number: Double?)] = [
        ("validation_loss", validationLoss), ("learning_rate", learningRate),
        ("gradient_norm", gradientNorm), (speedUnit.metricName, speed),
        ("gflops", gigaflopsPerSecond), ("memory_bytes", memoryBytes.map(Double.init)),
      ]
      return all.compactMap { name, number in number.map { (name, $0) } }
    }
  }

  private let path: String
  private let descriptor: Int32
  /// The steps that the file had already, with their losses.
  package let kept: [Line]

  /// Opens the file, and keeps of it what comes before the steps that the run will make.
  ///
  /// A run that was interrupted has written steps after its last checkpoint, which are made again.
  ///
  /// - Parameter step: The last step of the checkpoint from which the run goes on; 0 begins the file anew.
  /// - Throws: ``StorageError`` if it cannot be written.
  package init(_ path: String, afterStep step: Int) throws {
    self.path = path
    let (count, kept) = step == 0 ? (0, []) : Self.beginning(of: path, upToStep: step)
    self.kept = kept
    descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0o666)
    // What is no file, such as a pipe, has nothing to be cut off.
    guard descriptor >= 0, ftruncate(descriptor, off_t(count)) == 0 || errno == EINVAL else {
      throw Self.error(at: path)
    }
  }

  /// How much of a file stands before the first whole line of a later step, and what it says.
  private static func beginning(
    of path: String, upToStep last: Int
  ) -> (byteCount: Int, lines: [Line]) {
    guard let text = try? Data(contentsOf: URL(filePath: path)) else { return (0, []) }
    var (count, lines) = (0, [Line]())
    for bytes in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      let line = Line(json: String(decoding: bytes, as: UTF8.self))
      if let line, line.step > last { break }
      lines += line.map { [$0] } ?? []
      count += bytes.count + 1
    }
    return (min(count, text.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0), lines)
  }

  deinit { close(descriptor) }

  /// Adds a step.
  package func write(_ line: Line) throws {
    do {
      try TerminalOutput(descriptor: descriptor).write(line.json + "\n")
    } catch { throw Self.error(at: path) }
  }

  private static func error(at path: String) -> StorageError {
    StorageError(
      "the metrics cannot be written: \(String(cString: strerror(errno)))", at: path,
      fix: "choose another place with --metrics, or free some space")
  }
}

extension MetricsFile.Line {
  /// Reads the beginning of a line; nil if it is none.
  fileprivate init?(json: String) {
    guard let match = json.prefixMatch(of: /{"step":(\d+),"loss":([^,]+),"seconds":([\d.]+)/),
      let step = Int(match.1), let seconds = Double(match.3)
    else { return nil }
    self.init(step: step, loss: Double(match.2) ?? .nan, seconds: seconds)
    let validation = json.firstMatch(of: /"validation_loss":([^,}]+)/)
    validationLoss = validation.flatMap { Double($0.1) }
  }

  /// The line, without its end.
  fileprivate var json: String {
    var fields = [
      ("step", "\(step)"), ("loss", JSONText.number(loss)),
      ("seconds", Quantity.fixed(seconds, 6)),
    ]
    for (name, number) in numbers { fields.append((name, JSONText.number(number))) }
    if !taps.isEmpty {
      fields.append(("taps", "{\(taps.map(\.json).joined(separator: ","))}"))
    }
    return "{\(fields.map { "\"\($0)\":\($1)" }.joined(separator: ","))}"
  }
}
