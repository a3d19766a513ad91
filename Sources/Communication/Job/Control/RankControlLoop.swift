import Glibc

/// What the thread of a rank's control does.
final class RankControlLoop {
  private let connection: ControlConnection
  private let control: RankControl
  private var vigil: HubVigil
  private var isOver = false

  init(_ connection: ControlConnection, _ control: RankControl) {
    (self.connection, self.control) = (connection, control)
    vigil = HubVigil(control.limits)
    connection.socket.limitSilence(milliseconds: Int32(control.limits.silenceSeconds * 1000))
  }

  func run() {
    while !isOver {
      wait()
      let isBeatDue = vigil.isBeatDue()
      receive()
      if isBeatDue { sendRecords() }
      send()
      if let silence = vigil.silence { lost(silence) }
    }
    control.state.change { $0.isOver = true }
  }

  private func wait() {
    let events = POLLIN | (connection.hasOutput ? POLLOUT : 0)
    var list = [
      pollfd(fd: control.waker.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: connection.socket.descriptor, events: Int16(events), revents: 0),
    ]
    poll(&list, 2, Int32(max(1, control.limits.heartbeatSeconds * 1000 / 2)))
    if list[0].revents != 0 { control.waker.clear() }
  }

  private func receive() {
    do {
      let end = try connection.receive { message in
        self.vigil.hasHeard()
        try self.take(message)
      }
      if let end { lost("its connection ended: \(end)") }
    } catch {
      lost("it broke the protocol: \(error)")
    }
  }

  private func take(_ message: ControlMessage) throws {
    switch message {
    case .heartbeat(let list):
      control.state.change { state in
        for entry in list { state.records[entry.rank] = entry.records }
      }
    case .exchanged(let name, let number, let digest, let rank, let bytes):
      control.state.change { state in
        // A rank has few exchanges open at a time: usually one.
        let key = state.given.keys.first {
          $0.name == name && $0.number == number && $0.digest == digest
        }
        if let key { state.given[key]?[rank] = bytes }
      }
    case .collect: sendRecords()
    case .failed(let error): control.failAlone(error)
    case .left(let rank): control.state.change { _ = $0.left.insert(rank) }
    default: throw FrameError(what: "a message that only a rank sends")
    }
  }

  private func sendRecords() {
    connection.send(
      .heartbeat([
        RankRecords(
          rank: control.rank, records: control.recorder.recent(JobReport.operationCount),
          waits: control.recorder.board.waits)
      ]))
  }

  private func send() {
    let (messages, isLeaving) = control.outgoing.withLock { outgoing in
      defer { outgoing.messages = [] }
      return (outgoing.messages, outgoing.isLeaving)
    }
    for message in messages { connection.send(message) }
    if isLeaving { connection.send(.leave(control.log.stragglers)) }
    connection.flush()
    // The hub holds the connection of a rank that leaves; what is in the socket still reaches it.
    if isLeaving, !connection.hasOutput { isOver = true }
  }

  /// Ends the job on this rank, which has lost the hub.
  private func lost(_ reason: String) {
    guard !isOver else { return }
    isOver = true
    let isLeaving = control.outgoing.withLock { $0.isLeaving }
    guard !isLeaving, control.failure == nil else { return }
    let error = CommunicationError(
      "\(control.hubName) is lost: \(reason)", at: control.membership.name(of: control.rank),
      fix: "see what became of it: without it the ranks do not know of one another")
    control.failAlone(control.state.change { control.withLastOperations(error, $0) })
  }
}
