/// What the hub of a job knows of its ranks, and what follows from what they say: a machine of states
/// without sockets, threads or clocks.
///
/// Ranks join, exchange bytes, and say that they live. The first failure ends the job: all ranks are
/// asked for their last operations, and get the failure with all of them. Seconds are those for
/// which the hub was awake, so that a pause of its whole machine is nobody's silence.
package struct JobLedger: Sendable {
  /// What the hub has to do.
  package enum Effect: Hashable, Sendable {
    case send(ControlMessage, rank: Int)
    /// The same for many: encoded once, and not held once for each.
    case broadcast(ControlMessage, ranks: [Int])
  }

  enum Phase: Sendable {
    case joining(sinceSeconds: Double?)
    case running
    case collecting(FailureCause, sinceSeconds: Double)
    case failed(CommunicationError)
  }

  let jobName: String
  private let token: String
  let limits: JobLimits
  var ranks: [LedgerRank]
  var phase = Phase.joining(sinceSeconds: nil)
  var effects: [Effect] = []
  /// What ranks have given of exchanges to which others are still to come.
  private(set) var exchanges: [ExchangeName: [Int: [UInt8]]] = [:]
  private var nextDigest = 0
  /// The rank whose death, or silence, has ended the job.
  package internal(set) var deadRank: Int?
  /// From where the job could go on, as its ranks have said last.
  package private(set) var restartPoint: RestartPoint?

  package init(jobName: String, token: String, rankCount: Int, limits: JobLimits) {
    (self.jobName, self.token, self.limits) = (jobName, token, limits)
    ranks = Array(repeating: LedgerRank(), count: rankCount)
  }

  /// What is to be done since this was asked last.
  package mutating func takeEffects() -> [Effect] {
    defer { effects = [] }
    return effects
  }

  /// Why the job has ended, once all ranks were told.
  package var failure: CommunicationError? {
    if case .failed(let error) = phase { return error }
    return nil
  }

  /// Who waited for whom, as far as ranks have left.
  var stragglers: StragglerReport { StragglerReport(ranks.map(\.stragglers)) }

  /// Whether no rank is connected any more, after all were or after a failure.
  package var isOver: Bool {
    if case .joining = phase { return false }
    return ranks.allSatisfy { !$0.isConnected }
  }

  /// How many ranks have still to join.
  var missingCount: Int { ranks.count { $0.member == nil } }

  // MARK: Joining

  /// Notes that the process of a rank was started, for messages about it before it joins.
  package mutating func started(_ rank: Int, host: String, processIdentifier: Int32) {
    guard ranks.indices.contains(rank) else { return }
    ranks[rank].place = Membership.Member(
      hostName: host, hostIdentifier: "", processIdentifier: processIdentifier, address: "")
  }

  /// Admits a rank, or returns why it is refused.
  package mutating func admit(_ hello: Hello, now: Double) -> String? {
    if let reason = objection(to: hello) { return reason }
    ranks[hello.rank].member = hello.member
    ranks[hello.rank].isConnected = true
    ranks[hello.rank].heardSeconds = now
    if case .joining(nil) = phase { phase = .joining(sinceSeconds: now) }
    switch phase {
    case .joining where ranks.allSatisfy({ $0.member != nil }): start(now)
    case .failed(let error): effects.append(.send(.failed(error), rank: hello.rank))
    default: break
    }
    if let gone = ranks.firstIndex(where: { $0.exit != nil && !$0.hasLeft }) { noteExit(gone, now) }
    return nil
  }

  private func objection(to hello: Hello) -> String? {
    if hello.jobName != jobName {
      return "this is job \(jobName), the rank belongs to job \(hello.jobName)"
    }
    if !Self.areEqual(hello.token, token) { return "the token is not that of job \(jobName)" }
    if hello.rankCount != ranks.count {
      return "the job has \(ranks.count) ranks, rank \(hello.rank) thinks \(hello.rankCount)"
    }
    guard ranks.indices.contains(hello.rank) else { return "there is no rank \(hello.rank)" }
    if let other = ranks[hello.rank].member {
      return
        "rank \(hello.rank) has joined already, from process \(other.processIdentifier) of host \(other.hostName)"
    }
    return nil
  }

  /// Takes as long wherever the first difference is.
  private static func areEqual(_ left: String, _ right: String) -> Bool {
    let (a, b) = (Array(left.utf8), Array(right.utf8))
    return a.count == b.count && zip(a, b).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }

  private mutating func start(_ now: Double) {
    phase = .running
    let all = Array(ranks.indices)
    for rank in all {
      ranks[rank].heardSeconds = now
      if let member = ranks[rank].member {
        effects.append(.broadcast(.member(rank: rank, member), ranks: all))
      }
    }
    effects.append(.broadcast(.started, ranks: all))
  }

  // MARK: What ranks say

  /// Takes a message of a rank.
  ///
  /// - Throws: ``FrameError`` if a rank may not say that.
  package mutating func receive(_ message: ControlMessage, from rank: Int, now: Double) throws {
    ranks[rank].heardSeconds = now
    switch message {
    case .heartbeat(let list):
      guard let own = list.first, list.count == 1, own.rank == rank else {
        throw FrameError(what: "a heartbeat without the operations of its rank")
      }
      (ranks[rank].records, ranks[rank].recordsSeconds) = (own.records, now)
      ranks[rank].waits.note(own.waits, at: now)
      ranks[rank].hasReported = true
    case .exchange(let name, let bytes): try exchange(name, bytes, from: rank)
    case .fail(let error): note(FailureCause(weight: .report, rank: nil, error: error), now)
    case .leave(let stragglers): leave(rank, stragglers)
    case .offer(let point): restartPoint = point
    default: throw FrameError(what: "a message that only the hub sends")
    }
  }

  private mutating func exchange(_ name: ExchangeName, _ bytes: [UInt8], from rank: Int) throws {
    let isAscending = zip(name.ranks, name.ranks.dropFirst()).allSatisfy { $0 < $1 }
    guard isAscending, name.ranks.contains(rank), name.ranks.allSatisfy(ranks.indices.contains),
      exchanges[name]?[rank] == nil
    else { throw FrameError(what: "an exchange that makes no sense") }
    // A rank waits for the others in an exchange, so few are open at a time.
    guard exchanges[name] != nil || exchanges.count < 4 * ranks.count + 64 else {
      throw FrameError(what: "too many exchanges at a time")
    }
    exchanges[name, default: [:]][rank] = bytes
    guard let given = exchanges[name], given.count == name.ranks.count else { return }
    exchanges[name] = nil
    for (sender, bytes) in given.sorted(by: { $0.key < $1.key }) {
      effects.append(
        .broadcast(
          .exchanged(
            name: name.name, number: name.number, digest: name.digest, rank: sender, bytes),
          ranks: name.ranks))
    }
  }

  private mutating func leave(_ rank: Int, _ stragglers: [Straggler]) {
    ranks[rank].hasLeft = true
    ranks[rank].stragglers = stragglers
    for other in ranks.indices where other != rank && ranks[other].isConnected {
      effects.append(.send(.left(rank: rank), rank: other))
    }
  }

  /// The last operations of some ranks, by turns: if the hub dies, all ranks know those of all.
  ///
  /// The more ranks there are, the fewer at a time, since all ranks get them.
  mutating func nextRecords() -> [RankRecords] {
    let count = min(16, ranks.count, max(1, 2048 / ranks.count))
    defer { nextDigest = (nextDigest + count) % ranks.count }
    return (0..<count).map { offset in
      let rank = (nextDigest + offset) % ranks.count
      return RankRecords(rank: rank, records: ranks[rank].records)
    }
  }

  /// The ranks as far as they are known; the hub has no rank of its own.
  var membership: Membership {
    let unknown = Membership.Member(
      hostName: "unknown", hostIdentifier: "", processIdentifier: 0, address: "")
    return Membership(
      jobName: jobName, rank: 0, members: ranks.map { $0.member ?? $0.place ?? unknown })
  }
}
