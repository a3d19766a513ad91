import DeepEPElements
import DeepEPPlans
import DeepEPStorage
import DeepEPTensors
import DeepEPTransforms

/// A step that went wrong, in a file: the program, the state before the step and its batches.
///
/// It is a checkpoint, from which a run can go on, with the program among its notes and the arrays of the batches among
/// its tensors.
package struct NumericsCapture {
  /// The program as it was before lowering.
  package let program: Program
  /// The calls of the step.
  package let schedule: Schedule
  /// The element type of contractions.
  package let precision: Precision
  /// What went wrong.
  package let problem: String
  /// The checkpoint.
  package let checkpoint: Checkpoint

  private static let formatVersion = 1

  private enum Note: String {
    case version = "capture", program, problem, precision
    case microBatches = "micro_batches"
  }

  /// The name of an array of a batch.
  static func name(_ array: String, microBatch: Int) -> String { "\(prefix)\(microBatch)/\(array)" }

  private static let prefix = "capture/"

  /// The names of the arrays of batches that a checkpoint has, which are no state of the run.
  static func arrays(of checkpoint: Checkpoint) -> [String] {
    checkpoint.file.names.filter { $0.hasPrefix(prefix) }
  }

  /// What is noted beside the state.
  static func notes(
    _ program: Program, _ schedule: Schedule, _ precision: Precision, problem: String
  ) -> [String: String] {
    let called = Set(schedule.entries)
    let part = Program(
      slots: program.slots, entries: program.entries.filter { called.contains($0.name) })
    let notes: [Note: String] = [
      .version: String(formatVersion), .program: part.description, .problem: problem,
      .precision: precision.rawValue, .microBatches: String(schedule.microBatchCount),
    ]
    return Dictionary(uniqueKeysWithValues: notes.map { ($0.key.rawValue, $0.value) })
  }

  /// Reads a file.
  ///
  /// - Throws: ``StorageError`` if it cannot be read, is damaged or of a newer version; ``TextError`` for a program with
  ///   operations of the user's own.
  package init(_ path: String) throws {
    checkpoint = try Checkpoint(path)
    let notes = checkpoint.state.notes
    func note(_ key: Note) throws -> String {
      guard let text = notes[key.rawValue] else {
        throw StorageError(
          "no capture of a step: '\(key.rawValue)' is missing", at: path,
          fix: "name a file that deepep train --debug-numerics wrote")
      }
      return text
    }
    let version = try note(.version)
    guard version == String(Self.formatVersion) else {
      throw StorageError(
        "a capture of format version \(version.shown), known is \(Self.formatVersion)", at: path,
        fix: "use the version of DeepEP that wrote it")
    }
    guard let count = Int(try note(.microBatches)), (0...1 << 20).contains(count),
      let precision = Precision(rawValue: try note(.precision))
    else {
      throw StorageError(
        "the number of micro-batches or the precision is none", at: path,
        fix: "the file is damaged: capture the step again")
    }
    (self.precision, problem) = (precision, try note(.problem))
    program = try Program(text: try note(.program))
    schedule = Schedule(program, microBatches: count)
  }
}
