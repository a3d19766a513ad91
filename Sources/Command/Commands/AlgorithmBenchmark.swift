import DeepEPCommunication
import DeepEPCompute
import DeepEPTraining
import FoundationEssentials

/// `deepep benchmark communication`: which algorithm is the fastest for which size, on the ranks of a job.
struct AlgorithmBenchmark {
  var communication = CommunicationTransport.tcp
  /// The largest source.
  var byteLimit = 64 << 20
  /// Where the table goes; nil is where jobs look for it.
  var path: String?
  var roundCount = 5

  func run(output: TerminalOutput) throws {
    let control = try Job.join { try? TerminalOutput.error.write("deepep: \($0)\n") }
    do {
      let isWriter = control.membership.rank == 0
      let old = isWriter ? try present() : nil
      let world = try communication.communicator(control, messages: MessageOptions())
      let times = try layouts(of: world, control.membership).flatMap { communicator in
        try self.times(communicator) { line in
          if isWriter { try output.write(line) }
        }
      }
      if isWriter { try write(times, beside: old, output) }
      try world.barrier()
      control.leave()
    } catch let error as CommunicationError {
      throw control.fail(error)
    }
  }

  /// All ranks, and one of each host: groups that are not measured take the nearest of both.
  private func layouts(
    of world: any Communicator, _ membership: Membership
  ) throws -> [any Communicator] {
    let first = membership.hosts.map { $0[0] }
    guard first.count > 1, first.count < world.rankCount, first.contains(membership.rank) else {
      return [world]
    }
    return [world, try world.group(first)]
  }

  // MARK: Times

  private func times(
    _ communicator: any Communicator, say: (String) throws -> Void
  ) throws -> [AlgorithmFile.Time] {
    guard let communicator = communicator as? any ChoosesAlgorithms else {
      throw CommunicationError(
        "communication '\(communication.rawValue)' has nothing to choose from",
        at: "benchmark communication", fix: "choose tcp")
    }
    let timer = try AlgorithmTimer(communicator, byteLimit: sizes(communicator).last ?? 0)
    return try TunedCollective.allCases.flatMap { collective in
      try sizes(communicator).map { byteCount in
        let given = collective == .allGather ? byteCount / communicator.rankCount : byteCount
        let seconds = try timer.seconds(
          collective, byteCount: byteCount, roundCount: byteCount > 4 << 20 ? 3 : roundCount)
        try say(line(collective, communicator.scale, given, seconds))
        return AlgorithmFile.Time(
          collective, on: communicator.scale, bytes: given, seconds: seconds)
      }
    }
  }

  /// Powers of four, each whole elements for each rank.
  private func sizes(_ communicator: any Communicator) -> [Int] {
    let unit = 4 * communicator.rankCount
    return (4...20).map { 1 << (2 * $0) }.filter { $0 <= byteLimit }
      .map { ($0 + unit - 1) / unit * unit }
  }

  private func line(
    _ collective: TunedCollective, _ scale: AlgorithmTable.Layout, _ byteCount: Int,
    _ seconds: [String: Double]
  ) -> String {
    let list = seconds.sorted { $0.value < $1.value }.map { name, time in
      "\(name) \(Quantity.fixed(time * 1e3, 3)) ms"
    }
    return "\(collective.rawValue), \(scale.rankCount) ranks on \(scale.hostCount) hosts, "
      + "\(byteCount) bytes: \(list.joined(separator: ", "))\n"
  }

  // MARK: The file

  private var file: String? { path ?? AlgorithmFile.standardPath }

  /// What the file says so far; nil if there is none.
  ///
  /// - Throws: ``CommunicationError`` if it is something else, which nobody wants to lose.
  private func present() throws -> AlgorithmFile? {
    guard let file, FileManager.default.fileExists(atPath: file) else { return nil }
    do { return try AlgorithmFile(path: file) } catch var error as CommunicationError {
      error.fix = "remove it, or name another file"
      throw error
    }
  }

  /// Writes the table; what the file already says of other layouts stays.
  private func write(
    _ times: [AlgorithmFile.Time], beside old: AlgorithmFile?, _ output: TerminalOutput
  ) throws {
    var (table, all) = (AlgorithmTable(times), times)
    if let old, let file {
      table = table.completed(by: try old.table(place: file))
      all += (old.times ?? []).filter { time in
        !times.contains {
          $0.collective == time.collective && $0.hosts == time.hosts && $0.ranks == time.ranks
        }
      }
    }
    let text = try AlgorithmFile(table, processor: Processor().name, times: all).json()
    guard let file else { return try output.write(text) }
    do {
      let folder = URL(filePath: file).deletingLastPathComponent()
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Data(text.utf8).write(to: URL(filePath: file), options: .atomic)
    } catch {
      throw CommunicationError(
        "the table of algorithms cannot be written", at: file,
        fix: "name a file in a folder that can be written to")
    }
    try output.write("the table is in \(file)\n")
  }
}
