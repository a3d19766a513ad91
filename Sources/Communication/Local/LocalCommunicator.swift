import DeepEPElements
import DeepEPEvents

/// A rank that is a thread of this process; others read and write its memory directly.
// Its counters are touched by the rank's thread only, all else is constant or behind a lock.
final class LocalCommunicator: @unchecked Sendable {
  let rank: Int
  var rankCount: Int { name.members.count }
  private let job: Monitor<LocalJob>
  private let peers: LocalPeers
  let recorder: FlightRecorder
  private let name: LocalJob.GroupName
  private let timeLimitSeconds: Double
  var queue = 0
  private var callCount = 0
  private var groupCounts: [[Int]: Int] = [:]
  /// The other end of messages, by the ranks that send and receive.
  private var channels: [[Int]: LocalCommunicator] = [:]
  private let operations: CommunicationLog

  init(
    rank: Int, of name: LocalJob.GroupName, in job: Monitor<LocalJob>, _ peers: LocalPeers,
    _ recorder: FlightRecorder, timeLimitSeconds: Double,
    log: CommunicationLog = CommunicationLog()
  ) {
    (self.rank, self.name, self.job) = (rank, name, job)
    (self.peers, self.recorder) = (peers, recorder)
    self.timeLimitSeconds = timeLimitSeconds
    operations = log
  }

  private var jobRank: Int { name.members[rank] }

  private var place: String { "rank \(jobRank), group of \(name.members.namedRanks)" }

  private func nextCall(_ kind: CollectiveCall.Kind, byteCount: Int = 0) -> CollectiveCall {
    defer { callCount += 1 }
    return CollectiveCall(kind: kind, sequenceNumber: callCount, byteCount: byteCount)
  }

  /// Meets the other ranks, does this rank's part, and waits for the others to have done theirs.
  private func perform(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer = .init(start: nil, count: 0),
    _ destination: UnsafeMutableRawBufferPointer = .init(start: nil, count: 0),
    counts: BlockCounts = BlockCounts(), part: ([LocalJob.Arrival]) -> Void = { _ in }
  ) throws {
    try call.check(source, destination, rankCount: rankCount, place: place)
    let arrival = LocalJob.Arrival(
      call: call, source: source, destination: destination, counts: counts,
      seconds: Clock.seconds)
    let token = recorder.begin(call)
    defer { recorder.end(token) }
    try job.change { try $0.arrive(arrival, rank: jobRank, in: name) }
    let arrivals = try arrivals(until: arrival.seconds + timeLimitSeconds)
    part(arrivals)
    // No limit and no failure here: the others work in this rank's memory, and will finish.
    let round = job.change { $0.depart(from: name) }
    job.wait { job, _ in job.isOver(round, in: name) ? () : nil }
    note(arrival, arrivals)
  }

  /// Waits until all ranks have come.
  private func arrivals(until deadline: Double) throws -> [LocalJob.Arrival] {
    defer { board.goOn() }
    while true {
      let end = min(deadline, Clock.seconds + LocalPeers.lookSeconds)
      let arrivals = try job.wait(until: end) { job, isOver -> [LocalJob.Arrival]?? in
        let arrivals = try job.arrivals(
          in: name, isLate: isOver && end == deadline, limitSeconds: timeLimitSeconds)
        return arrivals.map { .some($0) } ?? (isOver ? .some(nil) : nil)
      }
      if let arrivals { return arrivals }
      board.wait(for: job.change { $0.missing(in: name) })
      if let error = peers.circle(membership, at: place) { throw job.change { $0.fail(error) } }
    }
  }

  /// For messages: all ranks are of this process.
  private var membership: Membership {
    let member = Membership.Member(
      hostName: "local", hostIdentifier: "local", processIdentifier: 0, address: "")
    return Membership(
      jobName: "local", rank: jobRank,
      members: Array(repeating: member, count: peers.rankCount))
  }

  private func note(_ own: LocalJob.Arrival, _ arrivals: [LocalJob.Arrival]) {
    guard let last = arrivals.indices.max(by: { arrivals[$0].seconds < arrivals[$1].seconds })
    else { return }
    operations.record(
      .init(
        own.call, ranks: name.members, queue: queue, startSeconds: own.seconds,
        arrivalSeconds: arrivals[last].seconds, endSeconds: Clock.seconds,
        lastRank: name.members[last]))
  }
}

extension LocalCommunicator: Communicator {
  var log: CommunicationLog? { operations }

  func group(_ ranks: [Int]) throws -> any Communicator {
    let place = try checkGroup(ranks, at: self.place)
    let count = groupCounts[ranks, default: 0]
    groupCounts[ranks] = count + 1
    let group = LocalCommunicator(
      rank: place,
      of: .init(members: ranks.map { name.members[$0] }, path: name.path + [ranks + [count]]),
      in: job, peers, recorder, timeLimitSeconds: timeLimitSeconds, log: operations)
    try group.perform(group.nextCall(.group))
    return group
  }

  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction
  ) throws {
    var call = nextCall(.allReduce, byteCount: source.count)
    (call.element, call.reduction) = (element, reduction)
    let order = RankOrderReduction(element: element, reduction: reduction)
    // Each rank reads its share of all sources and writes it to all destinations, so that every
    // byte is read once, and a source may be its destination.
    let share = share(of: source.count / element.byteCount)
    let offset = share.lowerBound * element.byteCount
    try perform(call, source, destination) { all in
      order.apply(
        all.compactMap(\.source.baseAddress), from: offset,
        into: all.compactMap(\.destination.baseAddress), at: offset, count: share.count)
    }
  }

  func allGather(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    outerCount: Int
  ) throws {
    var call = nextCall(.allGather, byteCount: source.count)
    call.outerCount = outerCount
    try perform(call, source, destination) { all in
      let inner = source.count / max(1, outerCount)
      for outer in 0..<outerCount {
        for (rank, peer) in all.enumerated() {
          copy(
            peer.source, outer * inner, inner, to: destination, (outer * rankCount + rank) * inner)
        }
      }
    }
  }

  func reduceScatter(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction, outerCount: Int
  ) throws {
    var call = nextCall(.reduceScatter, byteCount: source.count)
    (call.element, call.reduction, call.outerCount) = (element, reduction, outerCount)
    let order = RankOrderReduction(element: element, reduction: reduction)
    try perform(call, source, destination) { all in
      let inner = destination.count / max(1, outerCount)
      for outer in 0..<outerCount {
        let offset = (outer * rankCount + rank) * inner
        order.apply(
          all.compactMap(\.source.baseAddress), from: offset,
          into: [destination.baseAddress].compactMap { $0 }, at: outer * inner,
          count: inner / element.byteCount)
      }
    }
  }

  func allToAll(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
  ) throws {
    try perform(nextCall(.allToAll, byteCount: source.count), source, destination) { all in
      let block = source.count / rankCount
      for (peer, arrival) in all.enumerated() {
        copy(arrival.source, rank * block, block, to: destination, peer * block)
      }
    }
  }

  func allToAll(
    _ source: UnsafeRawBufferPointer, counts sourceCounts: [Int],
    into destination: UnsafeMutableRawBufferPointer, counts destinationCounts: [Int]
  ) throws {
    let counts = BlockCounts(source: sourceCounts, destination: destinationCounts)
    let call = nextCall(.unevenAllToAll)
    try counts.check(source, destination, rankCount: rankCount, "\(call.text)", at: place)
    try perform(call, source, destination, counts: counts) { all in
      var place = 0
      for (peer, arrival) in all.enumerated() {
        copy(
          arrival.source, arrival.counts.sourceOffset(rank), destinationCounts[peer],
          to: destination, place)
        place += destinationCounts[peer]
      }
    }
  }

  func send(_ source: UnsafeRawBufferPointer, to rank: Int) throws {
    let channel = try channel(from: self.rank, to: rank)
    try channel.perform(channel.message(source.count), source, .init(start: nil, count: 0))
  }

  func receive(into destination: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    let channel = try channel(from: rank, to: self.rank)
    try channel.perform(
      channel.message(destination.count), .init(start: nil, count: 0), destination
    ) { all in channel.copy(all[0].source, 0, destination.count, to: destination, 0) }
  }

  private func message(_ byteCount: Int) -> CollectiveCall {
    nextCall(.send, byteCount: byteCount)
  }

  /// The group of a sender and a receiver, apart from all others of the same ranks.
  private func channel(from sender: Int, to receiver: Int) throws -> LocalCommunicator {
    try checkMessage(from: sender, to: receiver, at: place)
    if let channel = channels[[sender, receiver]] { return channel }
    let members = [name.members[sender], name.members[receiver]]
    let channel = LocalCommunicator(
      rank: sender == rank ? 0 : 1, of: .init(members: members, path: name.path + [[-1]]), in: job,
      peers, recorder, timeLimitSeconds: timeLimitSeconds, log: operations)
    channels[[sender, receiver]] = channel
    return channel
  }

  func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws {
    var call = nextCall(.broadcast, byteCount: buffer.count)
    call.root = root
    try perform(call, UnsafeRawBufferPointer(buffer), buffer) { all in
      if rank != root { copy(all[root].source, 0, buffer.count, to: buffer, 0) }
    }
  }

  func barrier() throws { try perform(nextCall(.barrier)) }

  func fail(_ reason: String) {
    let error = CommunicationError(
      "rank \(jobRank) gave up: \(reason)", at: place,
      fix: "see to the reason: the other ranks end because of it")
    job.change { _ = $0.fail(error, by: jobRank) }
  }

  /// This rank's part of `count` elements.
  private func share(of count: Int) -> Range<Int> {
    count * rank / rankCount..<count * (rank + 1) / rankCount
  }

  private func copy(
    _ source: UnsafeRawBufferPointer, _ offset: Int, _ count: Int,
    to destination: UnsafeMutableRawBufferPointer, _ place: Int
  ) {
    guard count > 0, let from = source.baseAddress, let to = destination.baseAddress else { return }
    (to + place).copyMemory(from: from + offset, byteCount: count)
  }
}
