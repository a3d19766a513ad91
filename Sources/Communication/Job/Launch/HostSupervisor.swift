import DeepEPEvents
import Glibc
import Synchronization

/// What `deepep launch-host` does: it starts the ranks of one host, passes on what they write, says how
/// they end, and leaves none behind, whatever becomes of the launcher.
package final class HostSupervisor {
  private struct Rank {
    let number: Int
    let process: pid_t
    var isRunning = true
    var streams: [PipeEnd?]
  }

  private let launcherInput: PipeEnd
  private let launcherOutput: PipeEnd
  private var input = FrameBuffer(limit: SupervisorMessage.frameBytes)
  private var output = PendingOutput()
  private var ranks: [Rank] = []
  private let waker: Waker
  private let reaper = Reaper()
  private var endSeconds: Double?
  /// When the first of its ranks failed.
  private var failSeconds: Double?
  private var isLauncherGone = false
  private var stops = StopWatch()

  /// Takes over this process's standard input and output.
  ///
  /// - Throws: ``CommunicationError`` if the process has no room for more files.
  package init() throws {
    launcherInput = PipeEnd(descriptor: dup(STDIN_FILENO))
    launcherOutput = PipeEnd(descriptor: dup(STDOUT_FILENO))
    waker = try Waker()
    ParentDeath.adoptsOrphans()
    // Who writes into the terminal's end ends the launcher; the rest follows from that.
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1] { signal(number, SIG_IGN) }
  }

  /// Runs until all ranks have ended; returns the exit status of the supervisor itself.
  package func run() -> Int32 {
    while !isOver {
      wait()
      takeMessages()
      takeExits()
      takeOutput()
      if !output.flush(to: launcherOutput) { isLauncherGone = true }
      if isLauncherGone { killAll() }
      takeStops()
      if let failSeconds, Clock.seconds - failSeconds > Self.patienceSeconds { killAll() }
    }
    killAll()
    ChildList.endAll()
    return isLauncherGone ? 1 : 0
  }

  /// All ranks have ended and their words are on the way; descendants that keep the pipes open, and a
  /// launcher that does not read, get a moment.
  private var isOver: Bool {
    if isLauncherGone { return ranks.allSatisfy { !$0.isRunning } }
    guard let endSeconds else { return false }
    let isQuiet = ranks.allSatisfy { $0.streams.allSatisfy { $0 == nil } }
    let seconds = Clock.seconds - endSeconds
    return output.count == 0 ? isQuiet || seconds > 0.3 : seconds > 5
  }

  /// How long ranks may outlive one that has failed.
  ///
  /// The launcher ends them before, but it may be out of
  /// reach, and not every connection between hosts finds that soon.
  private static var patienceSeconds: Double { 2 }

  // MARK: Waiting

  private func wait() {
    var list = [
      pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: isLauncherGone ? -1 : launcherInput.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(
        fd: output.count > 0 ? launcherOutput.descriptor : -1, events: Int16(POLLOUT), revents: 0),
    ]
    // Ranks wait when the launcher does not keep up.
    if output.count < 1 << 20 {
      for case let stream? in ranks.flatMap(\.streams) {
        list.append(pollfd(fd: stream.descriptor, events: Int16(POLLIN), revents: 0))
      }
    }
    poll(&list, nfds_t(list.count), endSeconds == nil ? 250 : 20)
    waker.clear()
  }

  private func takeMessages() {
    guard !isLauncherGone else { return }
    while true {
      switch launcherInput.read(64 << 10) {
      case .wait: return
      case .closed: return isLauncherGone = true
      case .bytes(let bytes):
        bytes.withUnsafeBytes { input.append($0) }
        do {
          while let frame = try input.next() { take(try SupervisorMessage(frame)) }
        } catch {
          return isLauncherGone = true
        }
      }
    }
  }

  private func take(_ message: SupervisorMessage) {
    switch message {
    case .setup(let setup) where ranks.isEmpty:
      do { try start(setup) } catch {
        output.append(SupervisorMessage.failed("\(error)").frame)
        endSeconds = Clock.seconds
      }
    case .signal(let number): for rank in ranks where rank.isRunning { kill(-rank.process, number) }
    default: break
    }
  }

  // MARK: Ranks

  private func start(_ setup: SupervisorMessage.Setup) throws {
    if !setup.directory.isEmpty, chdir(setup.directory) != 0 {
      throw CommunicationError(
        "cannot enter the folder: \(String(cString: strerror(errno)))", at: setup.directory,
        fix: "launch in a folder that all hosts have")
    }
    let names = Set(setup.environment.map { String($0.prefix { $0 != "=" }) })
    let environment = ChildProcess.environment(without: names) + setup.environment
    defer {
      // Also for those that were started before one failed.
      reaper.start(waker)
    }
    for number in setup.ranks {
      let local = number - setup.ranks.lowerBound
      try start(
        number, setup.command,
        environment + ["DEEPEP_RANK=\(number)", "DEEPEP_LOCAL_RANK=\(local)"])
    }
  }

  private func start(_ number: Int, _ command: [String], _ environment: [String]) throws {
    let (output, errors) = (try PipeEnd.pair(), try PipeEnd.pair())
    let process = try ChildProcess(
      .init(
        words: [ChildProcess.ownPath, "launch-rank", "\(getpid())"] + command,
        environment: environment, leadsGroup: true),
      input: nil, output: output.writing.blocks().descriptor,
      errors: errors.writing.blocks().descriptor)
    ranks.append(
      Rank(
        number: number, process: process.identifier, streams: [output.reading, errors.reading]))
    self.output.append(
      SupervisorMessage.started(rank: number, processIdentifier: process.identifier).frame)
  }

  private func takeExits() {
    let exits = reaper.takeExits()
    // A rank's last words stand before its end; a pipe holds 64 KiB.
    if !exits.isEmpty { for _ in 0..<2 { takeOutput() } }
    for (process, status) in exits {
      guard let index = ranks.firstIndex(where: { $0.process == process && $0.isRunning }) else {
        continue
      }
      ranks[index].isRunning = false
      if failSeconds == nil, !ExitStatus(waitStatus: status).isOrderly {
        failSeconds = Clock.seconds
      }
      output.append(
        SupervisorMessage.exited(rank: ranks[index].number, waitStatus: status).frame)
      // What a rank has started ends with it.
      kill(-process, SIGKILL)
    }
    if !ranks.isEmpty, endSeconds == nil, ranks.allSatisfy({ !$0.isRunning }) {
      endSeconds = Clock.seconds
    }
  }

  private func takeStops() {
    let running = ranks.filter(\.isRunning)
    for process in stops.stopped(among: running.map(\.process)) {
      guard let rank = running.first(where: { $0.process == process }) else { continue }
      output.append(SupervisorMessage.stopped(rank: rank.number).frame)
    }
  }

  private func takeOutput() {
    for index in ranks.indices {
      for stream in 0..<2 {
        guard output.count < 1 << 20, let end = ranks[index].streams[stream] else { continue }
        switch end.read(SupervisorMessage.outputBytes) {
        case .bytes(let bytes):
          let message = SupervisorMessage.output(
            rank: ranks[index].number, isError: stream == 1, bytes)
          output.append(message.frame)
        case .wait: break
        case .closed: ranks[index].streams[stream] = nil
        }
      }
    }
  }

  /// Ends the ranks, what they have started, and orphans of those, which became this process's children.
  private func killAll() {
    for rank in ranks where rank.isRunning { kill(-rank.process, SIGKILL) }
    for child in ChildList.current { kill(child, SIGKILL) }
  }
}
