import Foundation
import Testing

/// `deepep train` on a small text, on one rank or on several that `deepep launch` starts, each run in a folder of its own.
struct RankJob {
  let folder: URL
  /// The network in which runs are started, as a file; nil is that of the test.
  var network: String?

  static let text = String(
    repeating: "the quick brown fox jumps over the lazy dog; pack my box with five dozen jugs.\n",
    count: 60)

  /// A model with four heads of four.
  static let small = [
    "--layers", "1", "--width", "16", "--heads", "4", "--context", "16", "--batch", "4",
    "--sample", "0",
  ]

  init(in folder: URL) throws {
    self.folder = folder
    try Data(Self.text.utf8).write(to: folder.appendingPathComponent("text.txt"))
  }

  /// How a run has ended.
  struct Ending {
    let status: Int32
    let output: String
    let errors: String
    /// The loss of each step as it stands in the log.
    let losses: [String]
    /// The last checkpoint, by tensor.
    let tensors: [String: [Float]]

    var numbers: [Double] { losses.compactMap(Double.init) }
    /// What was printed of the held-out data.
    var validation: String? { output.firstMatch(of: /validation loss ([0-9.]+)/).map { "\($0.1)" } }
    /// The lines that ranks begin with "error:".
    var errorLines: [Substring] {
      errors.split(separator: "\n").filter { $0.contains(/^\[\d+\] error:/) }
    }
  }

  /// Trains; one rank has no launcher.
  ///
  /// - Parameters:
  ///   - launch: further options of the launcher.
  ///   - script: what a shell does instead for each rank; it knows the words of the command as "$@".
  func train(
    ranks: Int = 1, _ options: [String], name: String = "run", launch: [String] = [],
    script: String? = nil
  ) throws -> Ending {
    let words = words(options, name)
    let shell = script.map { ["sh", "-c", $0, "sh"] } ?? []
    let start = ["launch", "-n", "\(ranks)"] + launch + ["--"] + shell
    return try run(ranks > 1 ? start + words : words, name)
  }

  /// Trains on ranks that another launcher starts.
  ///
  /// - Parameter start: the words before those of the command that a rank runs.
  func train(
    by launcher: String, _ start: [String], variables: [String: String], _ options: [String],
    name: String
  ) throws -> Ending {
    try run(
      start + [CommandRun.executable.path] + words(options, name), name, program: launcher,
      variables: variables)
  }

  private func words(_ options: [String], _ name: String) -> [String] {
    ["train", "text.txt", "--out", name, "--metrics", "\(name).jsonl"]
      + Self.small + ["--kernel-cache", Self.kernels] + options
  }

  private func run(
    _ words: [String], _ name: String, program: String? = nil, variables: [String: String] = [:]
  ) throws -> Ending {
    // No table of algorithms that the user of this machine has measured.
    let own = [
      "XDG_CACHE_HOME": folder.appendingPathComponent("none").path,
      "PROGRAM": CommandRun.executable.path,
    ]
    try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
    let entering = network.map { ["--net=\($0)", CommandRun.executable.path] } ?? []
    let job = try LaunchedJob(
      entering + words, in: folder, program: network.map { _ in "/usr/bin/nsenter" } ?? program,
      variables: own.merging(variables) { $1 })
    let status = job.status()
    return Ending(
      status: status, output: job.output, errors: job.errors, losses: losses(name),
      tensors: try tensors(checkpoint(of: name)))
  }

  /// The loss of each step in a log; none if there is no log.
  func losses(_ name: String) -> [String] {
    let log = try? String(
      contentsOf: folder.appendingPathComponent("\(name).jsonl"), encoding: .utf8)
    return (log ?? "").matches(of: /"loss":([^,]+),/).map { "\($0.1)" }
  }

  /// Where the other tests of this user keep compiled kernels.
  private static var kernels: String {
    let variables = ProcessInfo.processInfo.environment
    return (variables["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache") + "/deepep"
  }

  /// The last checkpoint of a run.
  func checkpoint(of name: String) -> URL {
    let run = folder.appendingPathComponent(name)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: run.path)) ?? []
    let steps = names.compactMap { $0.hasPrefix("step-") ? Int($0.dropFirst(5)) : nil }
    return run.appendingPathComponent("step-\(steps.max() ?? 0)")
  }

  private func tensors(_ checkpoint: URL) throws -> [String: [Float]] {
    guard let file = try? Data(contentsOf: checkpoint) else { return [:] }
    let count = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let header = try JSONSerialization.jsonObject(with: file.dropFirst(8).prefix(count))
    var tensors: [String: [Float]] = [:]
    for case (let name, let entry as [String: Any]) in header as? [String: Any] ?? [:] {
      guard entry["dtype"] as? String == "F32", let ends = entry["data_offsets"] as? [Int] else {
        continue
      }
      tensors[name] = file.dropFirst(8 + count + ends[0]).prefix(ends[1] - ends[0])
        .withUnsafeBytes { bytes in
          (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }
    return tensors
  }
}

/// The furthest that two lists of numbers are apart; infinite if they have not the same length.
func distance(_ first: [Double], _ second: [Double]) -> Double {
  guard first.count == second.count else { return .infinity }
  return zip(first, second).map { abs($0 - $1) }.max() ?? 0
}
