import Foundation

/// A program that runs beside the test and writes into files.
final class BesideProcess {
  private let process = Process()
  private let output: URL

  /// Starts it.
  ///
  /// - Parameters:
  ///   - words: the path of the program and its arguments.
  ///   - variables: beside those of the test, without any job's.
  ///   - file: takes what it writes, errors too.
  init(_ words: [String], variables: [String: String], output file: URL) throws {
    output = file
    try Data().write(to: file)
    let handle = try FileHandle(forWritingTo: file)
    process.executableURL = URL(fileURLWithPath: words[0])
    process.arguments = Array(words.dropFirst())
    process.currentDirectoryURL = file.deletingLastPathComponent()
    process.environment = Self.environment.merging(variables) { $1 }
    process.standardInput = FileHandle.nullDevice
    (process.standardOutput, process.standardError) = (handle, handle)
    try process.run()
  }

  private static var environment: [String: String] {
    ProcessInfo.processInfo.environment.filter { name, _ in
      !["DEEPEP_", "SLURM", "OMPI_", "PMIX_", "RANK", "WORLD_SIZE"].contains {
        name.hasPrefix($0)
      }
    }
  }

  var identifier: Int32 { process.processIdentifier }

  var lines: [String] {
    let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  /// Whether it has ended by now.
  var isOver: Bool { !process.isRunning }

  /// Ends it if it still runs, and waits for it.
  func finish() {
    if process.isRunning { kill(identifier, SIGKILL) }
    process.waitUntilExit()
  }

  /// Waits until it ends by itself.
  func wait() { process.waitUntilExit() }

  /// The exit status of a program that has ended, as shells give it.
  var status: Int32 {
    process.terminationReason == .exit
      ? process.terminationStatus : 128 + process.terminationStatus
  }
}
