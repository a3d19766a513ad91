import Glibc

/// What the thread of a hub does: it moves messages between the sockets and the ledger.
final class ControlHubLoop {
  private let listener: Socket
  private let waker: Waker
  private let notice: (String) -> Void
  private var ledger: JobLedger
  private var clock: AwakeClock
  private var lastTick = -1.0
  /// By descriptor.
  private var connections: [Int32: ControlConnection] = [:]
  private var ranks: [Int: ControlConnection] = [:]
  private var refusalCount = 0
  /// Whether this process can open no more files for now.
  private var isFull = false
  var isStopped = false

  init(
    _ listener: Socket, _ waker: Waker, _ ledger: JobLedger, _ notice: @escaping (String) -> Void
  ) {
    (self.listener, self.waker, self.ledger, self.notice) = (listener, waker, ledger, notice)
    clock = AwakeClock(pauseSeconds: 2 * ledger.limits.heartbeatSeconds)
  }

  var failure: CommunicationError? { ledger.failure }
  var isOver: Bool { ledger.isOver }
  var restartPoint: RestartPoint? { ledger.restartPoint }
  var deadRank: Int? { ledger.deadRank }
  var stragglers: StragglerReport { ledger.stragglers }

  func started(_ rank: Int, _ host: String, _ process: Int32) {
    ledger.started(rank, host: host, processIdentifier: process)
  }

  func stopped(_ rank: Int) { ledger.stopped(rank, now: clock.advance()) }

  func lost(_ rank: Int, _ reason: String) { ledger.lost(rank, reason, now: clock.advance()) }

  func exited(_ rank: Int, _ status: ExitStatus) {
    ledger.exited(rank, status, now: clock.advance())
  }

  /// Serves until it is stopped; `body` is asked for commands in every turn.
  func run(_ body: (ControlHubLoop) -> Void) {
    while !isStopped {
      wait()
      receiveAll()
      body(self)
      let now = clock.advance()
      if now - lastTick >= ledger.limits.heartbeatSeconds {
        lastTick = now
        ledger.tick(now: now)
        dropSlowStrangers(now)
        isFull = false
      }
      ledger.settle(now: now)
      sendAll()
    }
    // Failures that were just told still have to go out.
    for connection in connections.values { connection.flush() }
  }

  // MARK: Waiting

  private func wait() {
    var list = [
      pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: isFull ? -1 : listener.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    for (descriptor, connection) in connections {
      // Who is refused is read again when it has been told why.
      let events =
        (connection.isEnding && connection.hasOutput ? 0 : POLLIN)
        | (connection.hasOutput ? POLLOUT : 0)
      list.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
    }
    let milliseconds = ledger.isCollecting ? 1 : ledger.limits.heartbeatSeconds * 1000 / 2
    poll(&list, nfds_t(list.count), Int32(max(1, milliseconds)))
    if list[0].revents != 0 { waker.clear() }
    if list[1].revents != 0 { acceptAll() }
  }

  private func acceptAll() {
    // A bounded number, so that a flood of strangers does not keep ranks from being heard.
    for _ in 0..<64 {
      guard let socket = listener.accepted() else {
        // The connection stays in the queue, and would wake this thread at once again.
        isFull = errno == EMFILE || errno == ENFILE
        break
      }
      makeRoomForStranger()
      connections[socket.descriptor] = ControlConnection(
        socket, frameLimit: JobLimits.firstFrameBytes, startSeconds: clock.advance())
    }
  }

  // MARK: Strangers

  private var strangers: [ControlConnection] { connections.values.filter { $0.rank == nil } }

  private func makeRoomForStranger() {
    let strangers = strangers
    guard strangers.count >= JobLimits.strangerCount + ledger.missingCount else { return }
    if let oldest = strangers.min(by: { $0.startSeconds < $1.startSeconds }) {
      refuse(oldest, JobLimits.crowded)
      drop(oldest)
    }
  }

  private func dropSlowStrangers(_ now: Double) {
    for stranger in strangers where now - stranger.startSeconds > ledger.limits.helloSeconds {
      if !stranger.isEnding { refuse(stranger, "it did not say who it is") }
      drop(stranger)
    }
  }

  /// Says why, on both sides; the connection ends when that is written.
  private func refuse(_ connection: ControlConnection, _ reason: String) {
    let remote = connection.socket.remote
    connection.send(.refused(reason))
    connection.isEnding = true
    refusalCount += 1
    // A flood must not fill the terminal.
    guard refusalCount <= 10 || refusalCount % 1000 == 0 else { return }
    notice(
      "refused a connection from \(remote.address):\(remote.port): \(Self.printable(reason))"
        + (refusalCount > 10 ? " (\(refusalCount) refusals)" : ""))
  }

  /// A text that may quote a stranger, without what changes a terminal.
  private static func printable(_ text: String) -> String {
    String(
      text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : Character($0) })
  }

  private func drop(_ connection: ControlConnection) {
    connection.flush()
    connections[connection.socket.descriptor] = nil
  }

  // MARK: Messages

  private func receiveAll() {
    for connection in connections.values where !connection.isEnding { receive(connection) }
  }

  private func receive(_ connection: ControlConnection) {
    do {
      let end = try connection.receive { try self.take($0, from: connection) }
      if let end { close(connection, end) }
    } catch {
      refuse(connection, "\(error)")
      guard let rank = connection.rank else { return }
      (connection.rank, ranks[rank]) = (nil, nil)
      ledger.disconnected(rank, reason: "it broke the protocol: \(error)", now: clock.advance())
    }
  }

  private func take(_ message: ControlMessage, from connection: ControlConnection) throws {
    if let rank = connection.rank {
      return try ledger.receive(message, from: rank, now: clock.advance())
    }
    guard case .hello(let hello) = message else {
      throw FrameError(what: "the first message is not that of a rank")
    }
    if let reason = ledger.admit(hello, now: clock.advance()) {
      throw FrameError(what: reason)
    }
    connection.rank = hello.rank
    connection.allowLongFrames()
    connection.socket.limitSilence(milliseconds: Int32(ledger.limits.silenceSeconds * 1000))
    ranks[hello.rank] = connection
  }

  private func close(_ connection: ControlConnection, _ reason: String) {
    drop(connection)
    guard let rank = connection.rank else { return }
    ranks[rank] = nil
    ledger.disconnected(rank, reason: reason, now: clock.advance())
  }

  private func send(_ frame: [UInt8], to rank: Int) {
    guard let connection = ranks[rank] else { return }
    if !connection.send(frame) { close(connection, "it does not read what it is sent") }
  }

  private func sendAll() {
    for effect in ledger.takeEffects() {
      switch effect {
      case .send(let message, let rank): send(message.frame, to: rank)
      case .broadcast(let message, let ranks):
        let frame = message.frame
        for rank in ranks { send(frame, to: rank) }
      }
    }
    // Rank 0 last: with the hub in its process, it must not end before the others have heard why.
    let waiting = connections.values.filter(\.hasOutput)
    for connection in waiting.sorted(by: { $0.rank ?? 0 > $1.rank ?? 0 }) { connection.flush() }
    for connection in connections.values where connection.isEnding && !connection.hasOutput {
      // What the stranger still sends would reset the connection before it reads the reason.
      shutdown(connection.socket.descriptor, Int32(SHUT_WR))
      if connection.drain() != nil { drop(connection) }
    }
  }
}
