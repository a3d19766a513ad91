import Foundation
import Testing

/// A `deepep` that runs beside the test.
final class LaunchedJob {
  let process = Process()
  private let outputFile: URL
  private let errorFile: URL

  /// Starts it in a folder, with variables beside those of the test.
  ///
  /// - Parameter program: what is started; `deepep` itself unless told otherwise.
  init(
    _ arguments: [String], in folder: URL, program: String? = nil,
    variables: [String: String] = [:]
  ) throws {
    outputFile = folder.appendingPathComponent("output-\(UUID())")
    errorFile = folder.appendingPathComponent("errors-\(UUID())")
    process.executableURL = program.map { URL(fileURLWithPath: $0) } ?? CommandRun.executable
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = Self.environment.merging(variables) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try Self.handle(outputFile)
    process.standardError = try Self.handle(errorFile)
    try process.run()
  }

  /// Words that launch ranks on two "hosts", left and right, which an agent reaches, as ssh would.
  ///
  /// - Parameters:
  ///   - line: what the agent does before it starts the rank.
  ///   - address: of this host.
  static func twoHosts(
    in folder: URL, _ line: String = "export DEEPEP_HOST=\"$1\"", address: String = "127.0.0.1"
  ) throws -> [String] {
    let agent = folder.appendingPathComponent("agent")
    try "#!/bin/sh\n\(line)\nexec sh -c \"$2\"\n".write(
      to: agent, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: agent.path)
    return ["--hosts", "left,right", "--agent", agent.path, "--address", address]
  }

  /// The variables of this process without those of a job that the tests themselves run in.
  private static var environment: [String: String] {
    ProcessInfo.processInfo.environment.filter { name, _ in
      !["DEEPEP_", "SLURM", "OMPI_", "PMIX_", "RANK", "WORLD_SIZE"].contains {
        name.hasPrefix($0)
      }
    }
  }

  private static func handle(_ file: URL) throws -> FileHandle {
    try Data().write(to: file)
    return try FileHandle(forWritingTo: file)
  }

  var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }
  var errors: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }
  var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// Waits for the end; returns the exit status.
  func status() -> Int32 {
    process.waitUntilExit()
    return process.terminationReason == .exit
      ? process.terminationStatus : 128 + process.terminationStatus
  }

  /// The processes of the ranks, by rank, once they have said who they are.
  func processes(_ count: Int) throws -> [Int32] {
    let pattern = /rank (\d+) \(host [^,]+, process (\d+)\) of/
    for _ in 0..<2000 {
      let found = output.matches(of: pattern).compactMap { match in
        Int(match.1).flatMap { rank in Int32(match.2).map { (rank, $0) } }
      }
      if found.count == count { return found.sorted { $0.0 < $1.0 }.map(\.1) }
      usleep(10_000)
    }
    throw NotStarted(output: output, errors: errors)
  }

  struct NotStarted: Error { let output, errors: String }

  /// How many processes of this host have a word on their command line.
  static func count(of word: String) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
      guard Int32(name) != nil,
        let data = FileManager.default.contents(atPath: "/proc/\(name)/cmdline")
      else { return false }
      return String(decoding: data, as: UTF8.self).split(separator: "\0").contains { $0 == word }
    }.count
  }

  /// Waits until no process has a word on its command line; returns whether that came.
  static func isGone(_ word: String) throws -> Bool {
    for _ in 0..<500 {
      if try count(of: word) == 0 { return true }
      usleep(10_000)
    }
    return false
  }
}

/// Programs that may be installed.
enum Program {
  /// The path of a program in the folders of the system's programs.
  static func path(_ name: String) -> String? {
    ["/usr/bin/", "/usr/sbin/", "/usr/local/bin/"].map { $0 + name }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// The one that the benchmarks' set-up brings, or one of the system.
  static var torchrun: String? {
    let peers = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../.deepep/torch/bin/torchrun").path
    return FileManager.default.isExecutableFile(atPath: peers) ? peers : path("torchrun")
  }
}
