/// What ends a job: what happens to its ranks, what they do not do in time, and how it is told.
extension JobLedger {
  /// Notes that the connection of a rank is closed.
  package mutating func disconnected(_ rank: Int, reason: String, now: Double) {
    ranks[rank].isConnected = false
    guard !ranks[rank].hasLeft else { return }
    if ranks[rank].exit != nil { return noteExit(rank, now) }
    note(
      FailureCause(
        weight: .disconnection, rank: rank,
        error: error("its connection ended: \(reason)", of: rank)), now)
  }

  /// Notes that the process of a rank has ended.
  package mutating func exited(_ rank: Int, _ status: ExitStatus, now: Double) {
    guard ranks.indices.contains(rank) else { return }
    ranks[rank].exit = status
    // Programs that never join are free to end as they like, as long as nobody waits for them.
    if ranks.contains(where: { $0.member != nil }) { noteExit(rank, now) }
  }

  mutating func noteExit(_ rank: Int, _ now: Double) {
    guard let status = ranks[rank].exit, !ranks[rank].hasLeft || !status.isOrderly else { return }
    // It may have said that it leaves: its end is seen another way, which may be the shorter one.
    guard !status.isOrderly || !ranks[rank].isConnected else { return }
    // All that were there have left in good order: nobody waits for this one.
    guard !status.isOrderly || ranks.contains(where: \.isConnected) else { return }
    let text = status.isOrderly ? "ended without leaving the job" : status.text
    note(FailureCause(weight: .exit, rank: rank, error: error(text, of: rank)), now)
  }

  /// Notes that nobody looks after the process of a rank any more, so that it ends.
  package mutating func lost(_ rank: Int, _ reason: String, now: Double) {
    guard ranks.indices.contains(rank), !ranks[rank].hasLeft else { return }
    note(
      FailureCause(weight: .exit, rank: rank, error: error("was lost: \(reason)", of: rank)), now)
  }

  /// Notes that the process of a rank does not run any more, and may never go on, which its parent sees.
  ///
  /// A rank that has joined is silent then; one that has not would be waited for as if it were slow.
  package mutating func stopped(_ rank: Int, now: Double) {
    guard ranks.indices.contains(rank), !ranks[rank].hasLeft, ranks[rank].exit == nil,
      ranks.contains(where: { $0.member != nil })
    else { return }
    let text = "is stopped: its process has got a signal such as SIGSTOP"
    note(FailureCause(weight: .silence, rank: rank, error: error(text, of: rank)), now)
  }

  /// Notes something that ends the job, unless it has ended.
  package mutating func note(_ cause: FailureCause, _ now: Double) {
    switch phase {
    case .joining, .running:
      phase = .collecting(cause, sinceSeconds: now)
      for rank in ranks.indices where ranks[rank].isConnected {
        ranks[rank].hasReported = false
        effects.append(.send(.collect, rank: rank))
      }
    case .collecting(let other, let start) where other.weight < cause.weight:
      phase = .collecting(cause, sinceSeconds: start)
    default: break
    }
  }

  private func error(_ what: String, of rank: Int) -> CommunicationError {
    let last = ranks[rank].records.last.map { ", its last operation \($0.operationText)" }
    return CommunicationError(
      "\(membership.name(of: rank)) \(what)", at: "job \(jobName)\(last ?? "")",
      fix: "see the last lines of rank \(rank): the other ranks end because of it")
  }

  // MARK: Time

  /// To be called with every heartbeat.
  package mutating func tick(now: Double) {
    switch phase {
    case .joining(let start):
      checkJoining(start, now)
      checkSilence(now)
    case .running:
      checkSilence(now)
      checkWaits(now)
    case .collecting(let cause, let start): finish(cause, start, now)
    case .failed: break
    }
    let digest = nextRecords()
    effects.append(
      .broadcast(.heartbeat(digest), ranks: ranks.indices.filter { ranks[$0].isConnected }))
  }

  /// Ends the collection of last operations when it is complete, or its time is over.
  package mutating func settle(now: Double) {
    if case .collecting(let cause, let start) = phase { finish(cause, start, now) }
  }

  /// Whether ``settle(now:)`` is due within milliseconds.
  package var isCollecting: Bool {
    if case .collecting = phase { return true }
    return false
  }

  private mutating func checkJoining(_ start: Double?, _ now: Double) {
    guard let start, now - start > limits.joinSeconds else { return }
    let missing = ranks.indices.filter { ranks[$0].member == nil }
    note(
      FailureCause(
        weight: .silence, rank: missing.first,
        error: CommunicationError(
          "\(missing.namedRanks) did not join within \(limits.joinSeconds) s", at: "job \(jobName)",
          fix: "see whether they were started, and whether they reach this address")), now)
  }

  private mutating func checkSilence(_ now: Double) {
    for rank in ranks.indices where ranks[rank].isConnected && !ranks[rank].hasLeft {
      let silence = now - ranks[rank].heardSeconds
      guard silence > limits.silenceSeconds else { continue }
      let state = ranks[rank].member.flatMap(ProcessState.init)
      let reason = state?.text ?? "it was stopped, or the network between the hosts is down"
      let seconds = (silence * 10).rounded() / 10
      note(
        FailureCause(
          weight: .silence, rank: rank,
          error: error("was not heard for \(seconds) s: \(reason)", of: rank)), now)
    }
  }

  /// Ends a job some of whose ranks wait for one another.
  private mutating func checkWaits(_ now: Double) {
    let graph = WaitGraph(ranks.indices.map { lastingWaits(of: $0, now) })
    guard let error = graph.failure(membership, at: "job \(jobName)") else { return }
    note(FailureCause(weight: .report, rank: nil, error: error), now)
  }

  private func lastingWaits(of rank: Int, _ now: Double) -> [RankWait] {
    let entry = ranks[rank]
    // What a rank said a while ago may be over: it was stopped, or the network is down.
    guard entry.isConnected, !entry.hasLeft, now - entry.heardSeconds < limits.restSeconds / 2
    else { return [] }
    return entry.waits.lasting(limits.restSeconds, at: now).map { wait in
      wait.exchange == 0
        ? wait
        : RankWait(operation: wait.operation, ranks: missing(inExchange: wait.exchange, rank))
    }
  }

  /// The ranks that have not come to an exchange of which a rank is; none if it is not there any more.
  private func missing(inExchange identity: UInt64, _ rank: Int) -> [Int] {
    let exchange = exchanges.first { $0.value[rank] != nil && $0.key.identity == identity }
    return exchange.map { name, given in name.ranks.filter { given[$0] == nil } } ?? []
  }

  /// Whether a rank has failed without a word of its own: it was not heard, or a signal ended it.
  private func isDead(_ rank: Int, _ cause: FailureCause) -> Bool {
    if case .code? = ranks[rank].exit { return false }
    return cause.weight != .report
  }

  private mutating func finish(_ cause: FailureCause, _ start: Double, _ now: Double) {
    let isComplete = ranks.enumerated().allSatisfy { rank, entry in
      entry.hasReported || !entry.isConnected || rank == cause.rank
    }
    // How a process ended is seen a moment after its connection has; nothing explains more.
    let isSettled = cause.weight == .exit || now - start >= limits.settleSeconds
    guard isComplete && isSettled || now - start >= limits.reportSeconds else { return }
    var error = cause.error
    error.lastOperations = membership.lastOperations { rank in
      let entry = ranks[rank]
      return entry.records.map { $0.aged(bySeconds: now - entry.recordsSeconds) }
    }
    phase = .failed(error)
    deadRank = cause.rank.flatMap { isDead($0, cause) ? $0 : nil }
    for rank in ranks.indices where ranks[rank].isConnected {
      effects.append(.send(.failed(error), rank: rank))
    }
  }
}
