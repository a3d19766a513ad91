import FoundationEssentials
import Glibc

/// The ranks that were started together, from their start to the end of the last one: their lines are passed on,
/// and all of them end when one fails.
final class LaunchedRanks {
  private let options: LaunchOptions
  private let isOneHost: Bool
  private let write: @Sendable (Launcher.Stream, [UInt8]) -> Void
  private let hub: ControlHub
  private let waker: Waker
  private let signals: SignalQueue
  private var hosts: [SupervisedHost] = []
  private var taggers: [Int: [LineTagger]] = [:]
  private var running: Set<Int> = []
  private var firstFailure: ExitStatus?
  private var ending: EndingJob?
  private var hasReported = false
  /// Those that were gone before anybody ended them.
  private var lost: Set<Int> = []
  private var isSignalling = false
  private var isAskedToStop = false
  private var isWanted = false

  /// Starts the supervisors of all hosts, which start the ranks.
  ///
  /// - Throws: ``CommunicationError``: too few places, a port that is taken, a program that cannot be started.
  init(
    _ start: RankStart, _ options: LaunchOptions, _ waker: Waker, _ signals: SignalQueue,
    _ write: @escaping @Sendable (Launcher.Stream, [UInt8]) -> Void
  ) throws {
    (self.options, self.waker, self.signals, self.write) = (options, waker, signals, write)
    let plan = try LaunchPlan(rankCount: start.rankCount, hosts: start.hosts)
    // What a supervisor leaves behind that is killed itself. An agent may leave something on purpose: a
    // connection that other calls of it share.
    isOneHost = plan.places.allSatisfy { $0.host.map(LaunchHost.isThisOne) ?? true }
    if isOneHost { ParentDeath.adoptsOrphans() }
    let name = "\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
    let token = (0..<2).map { _ in String(UInt64.random(in: 0 ... .max), radix: 16) }.joined()
    let notices = try Notices { write(.errors, Array("deepep launch: \($0)\n".utf8)) }
    hub = try ControlHub(
      jobName: name, token: token, rankCount: start.rankCount,
      address: try options.listenAddress(), port: options.port
    ) { notices.add($0) }
    let variables =
      start.variables + [
        "DEEPEP_JOB=\(name)", "DEEPEP_JOB_TOKEN=\(token)",
        "DEEPEP_ADDRESS=\(hub.address.address)", "DEEPEP_PORT=\(hub.address.port)",
      ]
    for place in plan.places { hosts.append(try supervised(place, variables)) }
  }

  private func supervised(
    _ place: LaunchPlan.Place, _ variables: [String]
  ) throws -> SupervisedHost {
    let folder = FileManager.default.currentDirectoryPath
    let own = [ChildProcess.ownPath, "launch-host"]
    let setup = SupervisorMessage.Setup(
      ranks: place.ranks, command: options.command,
      environment: variables + (place.host.map { ["DEEPEP_HOST=\($0)"] } ?? []),
      directory: folder)
    for rank in place.ranks {
      taggers[rank] = [LineTagger(rank: rank), LineTagger(rank: rank)]
      running.insert(rank)
    }
    // The token does not stand on a command line, where everybody would see it.
    guard let host = place.host, !LaunchHost.isThisOne(host) else {
      return try SupervisedHost(place, words: own, setup: setup)
    }
    let line = own.map(Self.quoted).joined(separator: " ")
    return try SupervisedHost(place, words: options.agent + [host, line], setup: setup)
  }

  /// A word as a shell reads it.
  private static func quoted(_ word: String) -> String {
    "'" + word.replacing("'", with: "'\\''") + "'"
  }

  /// What has become of the ranks.
  struct End {
    /// The exit status of the first rank that failed.
    var status: Int32
    /// The ranks that a signal has ended, that were stopped, or that are out of reach.
    var lost: Set<Int>
    /// Whether a person or a batch system has ended them.
    var isWanted: Bool
    /// From where others could go on.
    var restartPoint: RestartPoint?
  }

  /// Runs until all ranks have ended.
  func run() -> End {
    while hosts.contains(where: { $0.stream != nil }) {
      wait()
      for host in hosts where host.stream != nil { receive(host) }
      takeSignals()
      report()
      advanceEnding()
    }
    report()
    if isOneHost { ChildList.endAll() }
    hub.stop()
    if let failure = hub.failure, !hasReported { say("\(failure)") }
    if options.reportsStragglers { for line in hub.stragglers?.lines ?? [] { say(line) } }
    let status = firstFailure?.shellStatus ?? (hub.failure == nil ? 0 : 1)
    return End(
      status: status, lost: lost.union(hub.deadRank.map { [$0] } ?? []), isWanted: isWanted,
      restartPoint: hub.restartPoint)
  }

  private func wait() {
    var list = [pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0)]
    for case let stream? in hosts.map(\.stream) {
      list.append(pollfd(fd: stream.descriptor, events: Int16(POLLIN), revents: 0))
    }
    poll(&list, nfds_t(list.count), 50)
    waker.clear()
    for host in hosts { host.flush() }
  }

  // MARK: Supervisors

  private func receive(_ host: SupervisedHost) {
    do {
      if let status = try host.receive({ take($0, host) }) { ended(host, status) }
    } catch {
      let reason = "what started there is no supervisor: \(error)"
      say("\(host.title): \(reason); see that nothing prints when a shell starts there")
      ended(host, host.abandon())
    }
  }

  private func take(_ message: SupervisorMessage, _ host: SupervisedHost) {
    switch message {
    case .output(let rank, let isError, let bytes):
      guard let lines = taggers[rank]?[isError ? 1 : 0].add(bytes), !lines.isEmpty else { return }
      write(isError ? .errors : .output, lines)
    case .started(let rank, let process):
      hub.started(
        rank, host: host.name ?? HostIdentity.current.name, processIdentifier: process)
    case .stopped(let rank): if running.contains(rank) { hub.stopped(rank) }
    case .exited(let rank, let status): exited(rank, ExitStatus(waitStatus: status))
    case .failed(let reason):
      say("\(host.title): \(reason)")
      for rank in host.ranks { exited(rank, .code(126)) }
    default: break
    }
  }

  private func exited(_ rank: Int, _ status: ExitStatus) {
    guard running.remove(rank) != nil else { return }
    hub.exited(rank, status)
    if case .signal = status, !isSignalling { lost.insert(rank) }
    if status == .stopped, firstFailure == nil { firstFailure = status }
    if !status.isOrderly { failed(rank, status, status.text) }
  }

  private func failed(_ rank: Int, _ status: ExitStatus, _ text: String) {
    // Those that this launcher has ended are no failures of their own.
    if firstFailure == nil { firstFailure = status }
    if ending == nil {
      say("rank \(rank) \(text); \(options.restartCount > 0 ? "the others end" : "the job ends")")
      ending = EndingJob()
    }
  }

  private func ended(_ host: SupervisedHost, _ status: ExitStatus) {
    finishLines(of: host)
    let ranks = host.ranks.filter(running.contains)
    guard !ranks.isEmpty else { return }
    lost.formUnion(ranks)
    let what = "its supervisor or agent \(status.text)"
    say("\(host.title): \(what), with \(ranks.namedRanks)")
    for rank in ranks {
      running.remove(rank)
      hub.lost(rank, what)
      failed(rank, status.isOrderly ? .code(1) : status, "was lost: \(what)")
    }
  }

  private func finishLines(of host: SupervisedHost) {
    for rank in host.ranks {
      for (index, stream) in [Launcher.Stream.output, .errors].enumerated() {
        if let line = taggers[rank]?[index].finish(), !line.isEmpty { write(stream, line) }
      }
    }
  }

  // MARK: The end

  private func report() {
    guard !hasReported, let failure = hub.failure else { return }
    hasReported = true
    say("\(failure)")
    if ending == nil { ending = EndingJob() }
  }

  private func takeSignals() {
    for number in signals.take() {
      isWanted = true
      // Whoever does not want to wait for ranks that stop by themselves interrupts again.
      let isUrgent = isAskedToStop && number == SIGINT
      if canStop, ending == nil, !isUrgent { pass(number) } else { end(number) }
    }
  }

  /// Whether ranks save what they have when they get a signal: they have said from where they go on.
  private var canStop: Bool { hub.restartPoint != nil }

  private func pass(_ number: Int32) {
    if !isAskedToStop {
      say("\(String(cString: strsignal(number))); the ranks stop after their step")
    }
    isAskedToStop = true
    send(number == SIGHUP ? SIGTERM : number)
  }

  private func end(_ number: Int32) {
    say("\(String(cString: strsignal(number))); the job ends")
    if firstFailure == nil { firstFailure = .signal(number) }
    if ending == nil { ending = EndingJob(graceSeconds: 0) } else { send(SIGKILL) }
  }

  private func advanceEnding() {
    while let number = ending?.dueSignal() { send(number) }
    guard let ending, ending.isKilling else { return }
    for host in hosts where host.stream != nil && ending.isOverdue(host) {
      ended(host, host.abandon())
    }
  }

  private func send(_ number: Int32) {
    isSignalling = true
    for host in hosts where host.stream != nil { host.send(.signal(number)) }
  }

  private func say(_ text: String) { write(.errors, Array("deepep launch: \(text)\n".utf8)) }
}
