import DeepEPEvents
import FoundationEssentials
import Glibc

/// What `deepep launch` does: it starts the ranks of a job, passes on their lines, and ends all of them
/// when one fails.
package final class Launcher {
  /// Where a line goes.
  package enum Stream: Sendable {
    case output, errors
  }

  private let options: LaunchOptions
  private let isOneHost: Bool
  private let write: (Stream, [UInt8]) -> Void
  private let hub: ControlHub
  private let waker: Waker
  private let signals: SignalQueue
  private var hosts: [SupervisedHost] = []
  private var taggers: [Int: [LineTagger]] = [:]
  private var running: Set<Int> = []
  private var firstFailure: ExitStatus?
  private var ending: EndingJob?
  private var hasReported = false

  /// Starts the supervisors of all hosts, which start the ranks.
  ///
  /// - Parameter write: takes whole lines.
  /// - Throws: ``CommunicationError``: too few places, a port that is taken, a program that cannot be started.
  package init(
    _ options: LaunchOptions, write: @escaping @Sendable (Stream, [UInt8]) -> Void
  ) throws {
    (self.options, self.write) = (options, write)
    waker = try Waker()
    let plan = try LaunchPlan(rankCount: options.rankCount, hosts: options.hosts)
    // What a supervisor leaves behind that is killed itself. An agent may leave something on purpose: a
    // connection that other calls of it share.
    isOneHost = plan.places.allSatisfy { $0.host.map(LaunchHost.isThisOne) ?? true }
    if isOneHost { ParentDeath.adoptsOrphans() }
    let name = "\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
    let token = (0..<2).map { _ in String(UInt64.random(in: 0 ... .max), radix: 16) }.joined()
    signals = try SignalQueue(waker)
    let notices = try Notices { write(.errors, Array("deepep launch: \($0)\n".utf8)) }
    hub = try ControlHub(
      jobName: name, token: token, rankCount: options.rankCount,
      address: try options.listenAddress(), port: options.port
    ) { notices.add($0) }
    let variables = [
      "DEEPEP_RANK_COUNT=\(options.rankCount)", "DEEPEP_JOB=\(name)", "DEEPEP_JOB_TOKEN=\(token)",
      "DEEPEP_ADDRESS=\(hub.address.address)", "DEEPEP_PORT=\(hub.address.port)",
    ]
    for place in plan.places { hosts.append(try start(place, variables)) }
  }

  private func start(
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

  /// Runs until all ranks have ended.
  ///
  /// - Returns: the exit status of the job: that of the first rank that failed.
  package func run() -> Int32 {
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
    return firstFailure?.shellStatus ?? (hub.failure == nil ? 0 : 1)
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
    if !status.isSuccess { failed(rank, status, status.text) }
  }

  private func failed(_ rank: Int, _ status: ExitStatus, _ text: String) {
    // Those that this launcher has ended are no failures of their own.
    if firstFailure == nil { firstFailure = status }
    if ending == nil {
      say("rank \(rank) \(text); the job ends")
      ending = EndingJob()
    }
  }

  private func ended(_ host: SupervisedHost, _ status: ExitStatus) {
    finishLines(of: host)
    let lost = host.ranks.filter(running.contains)
    guard !lost.isEmpty else { return }
    let what = "its supervisor or agent \(status.text)"
    say("\(host.title): \(what), with \(lost.namedRanks)")
    for rank in lost {
      running.remove(rank)
      hub.lost(rank, what)
      failed(rank, status.isSuccess ? .code(1) : status, "was lost: \(what)")
    }
  }

  private func finishLines(of host: SupervisedHost) {
    for rank in host.ranks {
      for (index, stream) in [Stream.output, .errors].enumerated() {
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
      say("\(String(cString: strsignal(number))); the job ends")
      if firstFailure == nil { firstFailure = .signal(number) }
      if ending == nil { ending = EndingJob(graceSeconds: 0) } else { send(SIGKILL) }
    }
  }

  private func advanceEnding() {
    while let number = ending?.dueSignal() { send(number) }
    guard let ending, ending.isKilling else { return }
    for host in hosts where host.stream != nil && ending.isOverdue(host) {
      ended(host, host.abandon())
    }
  }

  private func send(_ number: Int32) {
    for host in hosts where host.stream != nil { host.send(.signal(number)) }
  }

  private func say(_ text: String) { write(.errors, Array("deepep launch: \(text)\n".utf8)) }
}

/// How the ranks of a job that has failed are ended: they hear of the failure and may end by
/// themselves, then they are asked to, then they are killed.
private struct EndingJob {
  private let startSeconds = Clock.seconds
  private let steps: [(seconds: Double, signal: Int32)]
  private var next = 0

  init(graceSeconds: Double = 0.7) {
    steps = [(graceSeconds, SIGTERM), (graceSeconds + 0.8, SIGKILL)]
  }

  private var seconds: Double { Clock.seconds - startSeconds }

  /// The next signal, once its time has come.
  mutating func dueSignal() -> Int32? {
    guard next < steps.count, seconds >= steps[next].seconds else { return nil }
    defer { next += 1 }
    return steps[next].signal
  }

  /// Whether all supervisors were told to kill their ranks.
  var isKilling: Bool { next == steps.count }

  /// Whether a supervisor should long have ended, and is not heard: its host may be out of reach.
  func isOverdue(_ host: SupervisedHost) -> Bool {
    let silence = min(seconds - steps[steps.count - 1].seconds, Clock.seconds - host.heardSeconds)
    return silence > 0.5
  }
}
