import DeepEPElements
import DeepEPEvents

/// A rank that is a thread of this process; others read and write its memory directly.
// Its counters are touched by the rank's thread only, all else is constant or behind a lock.
final class LocalCommunicator: @unchecked Sendable {
  let rank: Int
  var rankCount: Int { name.members.count }
  private let job: Monitor<LocalJob>
  private let name: LocalJob.GroupName
  private let timeLimitSeconds: Double
  private var callCount = 0
  private var groupCounts: [[Int]: Int] = [:]

  init(
    rank: Int, of name: LocalJob.GroupName, in job: Monitor<LocalJob>, timeLimitSeconds: Double
  ) {
    (self.rank, self.name, self.job) = (rank, name, job)
    self.timeLimitSeconds = timeLimitSeconds
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
    part: ([LocalJob.Arrival]) -> Void = { _ in }
  ) throws {
    try call.check(source, destination, rankCount: rankCount, place: place)
    let arrival = LocalJob.Arrival(call: call, source: source, destination: destination)
    let deadline = Clock.seconds + timeLimitSeconds
    try job.change { try $0.arrive(arrival, rank: jobRank, in: name) }
    let arrivals = try job.wait(until: deadline) { job, isLate in
      try job.arrivals(in: name, isLate: isLate, limitSeconds: timeLimitSeconds)
    }
    part(arrivals)
    // No limit and no failure here: the others work in this rank's memory, and will finish.
    let round = job.change { $0.depart(from: name) }
    job.wait { job, _ in job.isOver(round, in: name) ? () : nil }
  }
}

extension LocalCommunicator: Communicator {
  func group(_ ranks: [Int]) throws -> any Communicator {
    let isAscending = zip(ranks, ranks.dropFirst()).allSatisfy { $0 < $1 }
    guard isAscending, ranks.allSatisfy({ (0..<rankCount).contains($0) }),
      let place = ranks.firstIndex(of: rank)
    else {
      throw CommunicationError(
        "\(ranks) is no group", at: self.place,
        fix: "list numbers from 0 to \(rankCount - 1) in ascending order, \(rank) among them")
    }
    let count = groupCounts[ranks, default: 0]
    groupCounts[ranks] = count + 1
    let group = LocalCommunicator(
      rank: place,
      of: .init(members: ranks.map { name.members[$0] }, path: name.path + [ranks + [count]]),
      in: job, timeLimitSeconds: timeLimitSeconds)
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
        all.compactMap { $0.source.baseAddress?.advanced(by: offset) },
        into: all.compactMap { $0.destination.baseAddress?.advanced(by: offset) },
        count: share.count)
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
          all.compactMap { $0.source.baseAddress?.advanced(by: offset) },
          into: [destination.baseAddress?.advanced(by: outer * inner)].compactMap { $0 },
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
