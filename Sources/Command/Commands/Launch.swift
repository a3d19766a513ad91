import DeepEPCommunication
import DeepEPTraining
import FoundationEssentials
import Glibc

/// `deepep launch`: starts the ranks of a job, here or on several hosts.
struct Launch {
  var ranks = 1
  var hosts: [LaunchHost]?
  var hostFile: String?
  var agent = "ssh -o BatchMode=yes"
  var address: String?
  var port = 0
  var restarts = 0
  var reportsStragglers = false
  var command: [String] = []

  /// - Parameter commands: the names of commands that ranks can run.
  static func command(commands: [String]) -> Subcommand {
    Subcommand(
      "launch", summary: "Start the ranks of a job, here or on several hosts.", defaults: Launch(),
      parameters: [
        .option("n", \.ranks, .positiveInteger, "how many ranks"),
        .option("hosts", \.hosts, .hosts, "where, as a,b or a:2,b:2 with the ranks of each"),
        .option("host-file", \.hostFile, .path, "a file with a host on each line"),
        .option("agent", \.agent, .text, "what runs a command on a host"),
        .option("address", \.address, .text, "address of this host for the others"),
        .option("port", \.port, .naturalNumber, "port of the job's control; 0 is any"),
        .option(
          "restarts", \.restarts, .naturalNumber, "how often it goes on after ranks were lost"),
        .flag("report-stragglers", \.reportsStragglers, "say at the end who waited for whom"),
        .rest("command", \.command, "a deepep command or any program, with its arguments"),
      ],
      examples: [
        "-n 4 -- ranks", "-n 4 -- train notes.txt --strategy data=2,tensor=2",
        "-n 4 --hosts n1,n2 --address 10.0.0.1 -- ./job --steps 100",
      ]
    ) { options in try options.run(commands: commands) }
  }

  func run(commands: [String]) throws {
    let options = try options(commands)
    let launcher = try Launcher(options) { stream, line in
      let output = stream == .output ? TerminalOutput.standard : .error
      // Who reads the lines of a job may stop; the job goes on.
      try? output.write(String(decoding: line, as: UTF8.self))
    }
    let status = launcher.run()
    if status != 0 { throw EndStatus(status: status) }
  }

  private func options(_ commands: [String]) throws -> LaunchOptions {
    var options = LaunchOptions()
    options.rankCount = ranks
    guard hosts == nil || hostFile == nil else {
      throw UsageError("--hosts and --host-file are both given", fix: "give one of them")
    }
    options.hosts = try hosts ?? hostFile.map { try LaunchHost.list(file: $0) } ?? []
    options.agent = agent.split(separator: " ").map(String.init)
    guard !options.agent.isEmpty else {
      throw UsageError("--agent is empty", fix: "give a command such as ssh")
    }
    options.address = address
    guard let port = UInt16(exactly: port) else {
      throw UsageError("--port: there is no port \(port)", fix: "give a number up to 65535")
    }
    options.port = port
    guard restarts <= JobLimits.restartCount else {
      throw UsageError(
        "--restarts: \(restarts) is too often", fix: "give at most \(JobLimits.restartCount)")
    }
    options.restartCount = restarts
    options.reportsStragglers = reportsStragglers
    options.command = try command(commands)
    return options
  }

  private func command(_ commands: [String]) throws -> [String] {
    guard let first = command.first, commands.contains(first) else { return command }
    let path = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return [path] + command
  }
}

/// What `deepep launch` starts: no commands for people.
enum InnerCommand {
  /// Runs one of them; returns its exit status, or nil if it is none.
  static func run(_ arguments: [String]) -> Int32? {
    switch arguments.first {
    case "launch-rank"?: return RankEntry.run(Array(arguments.dropFirst()))
    case "launch-host"?:
      do { return try HostSupervisor().run() } catch {
        try? TerminalOutput.error.write(EntryPoint.message(for: error))
        return 1
      }
    default: return nil
    }
  }
}

extension ValueParser where Value == [LaunchHost] {
  /// Hosts, with the number of ranks that each takes or without.
  package static var hosts: Self {
    Self(
      expecting: "names of hosts such as a,b or a:2,b:2", placeholder: "HOSTS",
      text: { hosts in
        hosts.map { $0.name + ($0.slotCount.map { ":\($0)" } ?? "") }.joined(separator: ",")
      }
    ) { LaunchHost.list($0) }
  }
}
