import Foundation

/// One run of the executable that is built beside the tests.
struct CommandRun {
  let status: Int32
  let output: String
  let errors: String

  /// Runs `deepep` with arguments in a folder.
  ///
  /// - Parameter script: what a shell does instead; it knows the words of the command as "$@".
  init(_ arguments: [String], in folder: URL, script: String? = nil) throws {
    let process = Process()
    let shell = URL(fileURLWithPath: "/bin/sh")
    process.executableURL = script == nil ? Self.executable : shell
    let words = script.map { ["-c", $0, "sh", Self.executable.path] } ?? []
    process.arguments = words + arguments
    process.currentDirectoryURL = folder
    // Files, not pipes: nothing fills up while nobody reads.
    let names = ["output", "errors"].map { folder.appendingPathComponent(".\($0)-\(UUID())") }
    let handles = try names.map { name in
      try Data().write(to: name)
      return try FileHandle(forWritingTo: name)
    }
    (process.standardOutput, process.standardError) = (handles[0], handles[1])
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    status = process.terminationReason == .exit ? process.terminationStatus : 128
    let texts = try names.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
    (output, errors) = (texts[0], texts[1])
    for name in names { try FileManager.default.removeItem(at: name) }
  }

  /// `deepep` in the folder of the test bundle.
  static var executable: URL {
    let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let candidates = [
      bundle,
      URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../.build/release"),
    ].map { $0.appendingPathComponent("deepep") }
    return candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) }
      ?? candidates[1]
  }

  /// The program of the tests that is a rank, beside it.
  static var communicationRank: String {
    executable.deletingLastPathComponent().appendingPathComponent("DeepEPCommunicationRank").path
  }
}

/// A folder of its own for one test, removed afterwards.
func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("deepep-\(UUID())")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}
