import DeepEPCommunicationLinks
import Foundation

/// A job of real processes that a disturbance is made for: it starts the ranks and hears what they say.
final class DisturbedJob {
  let disturbance: Disturbance
  /// Stands among the variables of all processes of the job, whoever started them.
  let mark: String
  private let folder: URL
  private let laboratory: LinkLaboratory?
  private var processes: [BesideProcess] = []
  /// What waits on each host for a supervisor to be started.
  private var relays: [BesideProcess] = []

  /// Starts it.
  ///
  /// - Parameter folder: of the job; the ranks' folder for temporary files is in it.
  init(_ disturbance: Disturbance, in folder: URL) throws {
    (self.disturbance, self.folder) = (disturbance, folder)
    mark = "mark-\(UUID())"
    laboratory =
      disturbance.transport.hasLinks
      ? try LinkLaboratory(
        hostCount: disturbance.hosts.count, megabitsPerSecond: 1000, delaySeconds: 1e-4) : nil
    try FileManager.default.createDirectory(at: temporaryFolder, withIntermediateDirectories: true)
    switch disturbance.starter {
    case .launch: try launch()
    case .variables: try startRanks()
    case .mpirun: try startByMPI()
    }
  }

  var temporaryFolder: URL { folder.appendingPathComponent("temporary") }

  private var variables: [String: String] {
    let own = [
      "DEEPEP_TEST_MARK": mark, "DEEPEP_TEST_WORDS": folder.appendingPathComponent("rank").path,
      "TMPDIR": temporaryFolder.path,
    ]
    return own.merging(disturbance.transport.variables) { $1 }
  }

  // MARK: Starting

  private func launch() throws {
    var words = [BuiltProgram.deepep, "launch", "-n", "\(disturbance.rankCount)"]
    if let laboratory {
      let hosts = disturbance.hosts.enumerated().map { "host\($0):\($1)" }
      words += ["--hosts", hosts.joined(separator: ","), "--address", LinkLaboratory.address(0)]
      words += ["--agent", try agent(laboratory)]
      words = ["/usr/bin/nsenter", "--net=\(laboratory.networkPath(0))"] + words
    }
    words.append("--")
    // A program that the rank's own shell leaves behind, beyond the reach of its group.
    let descendant = "setsid sleep 600 & exec \"$0\" \"$@\""
    if disturbance.hasDescendants { words += ["sh", "-c", descendant] }
    words += [BuiltProgram.rank] + disturbance.words(mark: mark)
    let file = folder.appendingPathComponent("output")
    processes = [try BesideProcess(words, variables: variables, output: file)]
  }

  /// What `deepep launch` calls in place of ssh: its words go over the links as well.
  private func agent(_ laboratory: LinkLaboratory) throws -> String {
    relays = try disturbance.hosts.indices.map { host in
      try BesideProcess(
        ["/usr/bin/nsenter", "--net=\(laboratory.networkPath(host))"] + withDevices
          + [BuiltProgram.rank, "relay-host", "700"],
        variables: variables, output: folder.appendingPathComponent("relay-\(host)"))
    }
    let cases = disturbance.hosts.indices.map {
      "host\($0)) exec '\(BuiltProgram.rank)' relay \(LinkLaboratory.address($0)) 700 \"exec $2\" ;;\n"
    }
    let file = folder.appendingPathComponent("agent")
    try "#!/bin/sh\ncase $1 in\n\(cases.joined())esac\n".write(
      to: file, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    return file.path
  }

  /// UCX finds devices in /sys, which shows those of the network in which it was mounted.
  private var withDevices: [String] {
    guard disturbance.transport == .ucxLinks else { return [] }
    return ["unshare", "--mount", "sh", "-c", "mount -t sysfs sysfs /sys && exec \"$0\" \"$@\""]
  }

  private func startByMPI() throws {
    let program = [BuiltProgram.rank] + disturbance.words(mark: mark)
    let mpirun = Disturbance.mpirun ?? ""
    let words =
      try laboratory.map {
        let agent = folder.appendingPathComponent("mpi-agent").path
        return [
          "/bin/sh", "-c",
          try $0.openMPILine([mpirun], rankCounts: disturbance.hosts, program, agent: agent),
        ]
      } ?? [mpirun, "--oversubscribe", "-n", "\(disturbance.rankCount)"] + program
    // What mpirun keeps in files is its own.
    let own = [
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
      "OMPI_MCA_orte_tmpdir_base": FileManager.default.temporaryDirectory.path,
    ]
    processes = [
      try BesideProcess(
        words, variables: variables.merging(own) { $1 },
        output: folder.appendingPathComponent("output"))
    ]
  }

  private func startRanks() throws {
    let port = 20_000 + Int(disturbance.seed % 9000)
    processes = try (0..<disturbance.rankCount).map { rank in
      var variables = variables
      variables["RANK"] = "\(rank)"
      variables["WORLD_SIZE"] = "\(disturbance.rankCount)"
      (variables["MASTER_ADDR"], variables["MASTER_PORT"]) = ("127.0.0.1", "\(port)")
      return try BesideProcess(
        [BuiltProgram.rank] + disturbance.words(mark: mark), variables: variables,
        output: folder.appendingPathComponent("output-\(rank)"))
    }
  }

  // MARK: What it says

  /// The lines of a rank, also of one whose words do not reach the launcher any more.
  func lines(_ rank: Int) -> [String] {
    let file = folder.appendingPathComponent("rank-\(rank)")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  /// What a rank has said after a word: "4711" of "process 4711"; nil if it has not.
  func said(_ word: String, _ rank: Int) -> String? {
    lines(rank).first { $0 == word || $0.hasPrefix(word + " ") }.map {
      String($0.dropFirst(word.count + 1))
    }
  }

  /// Everything that was said, for whoever looks for a mistake.
  var text: String { processes.flatMap(\.lines).joined(separator: "\n") }

  /// Waits until something is so.
  ///
  /// - Throws: ``NotThere`` if that does not come.
  func wait(seconds: Double = 60, for condition: () -> Bool) throws {
    let end = SharedClock.seconds + seconds
    while !condition() {
      guard SharedClock.seconds < end else { throw NotThere(text: text) }
      usleep(5000)
    }
  }

  struct NotThere: Error { let text: String }

  // MARK: Processes

  /// The process of each rank, once all have said it.
  func rankProcesses() throws -> [Int32] {
    let ranks = 0..<disturbance.rankCount
    try wait { ranks.allSatisfy { said("process", $0) != nil } }
    return ranks.compactMap { said("process", $0).flatMap { Int32($0) } }
  }

  /// The launcher; nil if there is none.
  var launcher: Int32? { disturbance.starter == .launch ? processes[0].identifier : nil }

  /// What looks after a rank.
  func supervisor(of process: Int32) -> Int32? {
    var next = ProcessTable.parent(process)
    while let candidate = next, candidate > 1 {
      if ProcessTable.words(candidate).dropFirst().first == "launch-host" { return candidate }
      next = ProcessTable.parent(candidate)
    }
    return nil
  }

  func cut(_ host: Int) { laboratory?.setConnected(host, false) }

  /// Whether all that the test has started itself has ended.
  var isOver: Bool { processes.allSatisfy(\.isOver) }

  /// The exit status of the job, or of the ranks.
  var statuses: [Int32] { processes.map(\.status) }

  /// Ends what the test has started itself.
  func finish() { for process in processes + relays { process.finish() } }
}
