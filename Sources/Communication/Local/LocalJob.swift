/// What the ranks of a process share: the state of every group, and whether somebody has failed.
///
/// All of it is changed under one lock, so that a failure ends every operation at a definite point:
/// either all ranks of a round have come, and the round is finished, or all of them throw.
struct LocalJob {
  /// What a rank brings to a round.
  struct Arrival {
    var call: CollectiveCall
    var source: UnsafeRawBufferPointer
    var destination: UnsafeMutableRawBufferPointer
    var counts = BlockCounts()
    var seconds = 0.0
  }

  /// The operation that a group is at.
  struct Round {
    var number = 0
    var arrivals: [Int: Arrival] = [:]
    /// How many ranks have not finished their part; nil until all have come.
    var workingCount: Int?
  }

  /// Which group: its ranks in the whole job, and the groups it was made from.
  struct GroupName: Hashable {
    var members: [Int]
    /// Tells groups of the same ranks apart: at each level the list, and how many were made of it before.
    var path: [[Int]] = []
  }

  var failure: CommunicationError?
  /// The rank that caused the failure by giving up.
  var failedRank: Int?
  /// The ranks whose work is over.
  var ended: Set<Int> = []
  private var rounds: [GroupName: Round] = [:]

  // MARK: A round

  /// Brings a rank's part, and throws if that makes the round fail.
  mutating func arrive(_ arrival: Arrival, rank: Int, in group: GroupName) throws {
    if let failure { throw failure }
    var round = rounds[group] ?? Round()
    round.arrivals[rank] = arrival
    if round.arrivals.count == group.members.count {
      if let error = outOfStep(round, group) { throw fail(error) }
      round.workingCount = group.members.count
    }
    rounds[group] = round
  }

  /// The parts of all ranks once all have come, nil before.
  ///
  /// - Throws: the job's failure, which this may find: the time is over, or a rank will never come.
  mutating func arrivals(in group: GroupName, isLate: Bool, limitSeconds: Double) throws
    -> [Arrival]?
  {
    guard let round = rounds[group] else { return nil }
    if round.workingCount != nil { return group.members.compactMap { round.arrivals[$0] } }
    if let failure { throw failure }
    let missing = group.members.filter { round.arrivals[$0] == nil }
    let lost = missing.filter(ended.contains)
    guard isLate || !lost.isEmpty, let call = round.arrivals.first?.value.call else { return nil }
    throw fail(
      lost.isEmpty
        ? late(missing, call, group, limitSeconds) : gone(lost, call, group))
  }

  /// The ranks that have not come to the operation of a group.
  func missing(in group: GroupName) -> [Int] {
    group.members.filter { rounds[group]?.arrivals[$0] == nil }
  }

  /// Notes that a rank has finished its part; returns the number of the round.
  mutating func depart(from group: GroupName) -> Int {
    guard var round = rounds[group], let count = round.workingCount else { return 0 }
    let number = round.number
    round.workingCount = count - 1
    if count == 1 { round = Round(number: number + 1) }
    rounds[group] = round
    return number
  }

  /// Whether all ranks have finished a round.
  func isOver(_ number: Int, in group: GroupName) -> Bool { rounds[group]?.number != number }

  /// Keeps the first failure, and returns it.
  mutating func fail(_ error: CommunicationError, by rank: Int? = nil) -> CommunicationError {
    if let failure { return failure }
    (failure, failedRank) = (error, rank)
    return error
  }

  // MARK: Errors

  private func outOfStep(_ round: Round, _ group: GroupName) -> CommunicationError? {
    let calls = group.members.compactMap { rank in
      round.arrivals[rank].map { (rank, $0.call) }
    }
    let kinds = Dictionary(grouping: calls, by: \.1).mapValues { $0.map(\.0) }
    guard kinds.count > 1 else { return unequalBlocks(round, group) }
    let texts = kinds.sorted { $0.value[0] < $1.value[0] }.map { call, ranks in
      "\(ranks.namedRanks): \(call.text)"
    }
    return CommunicationError(
      "the ranks are out of step: \(texts.joined(separator: "; "))", at: place(group),
      fix: "all ranks of a group call the same operations in the same order, with equal sizes")
  }

  private func unequalBlocks(_ round: Round, _ group: GroupName) -> CommunicationError? {
    let arrivals = group.members.compactMap { round.arrivals[$0] }
    guard let call = arrivals.first?.call, call.kind == .unevenAllToAll else { return nil }
    return BlockCounts.mismatch(
      arrivals.map(\.counts), of: call, ranks: group.members, at: place(group))
  }

  private func late(
    _ missing: [Int], _ call: CollectiveCall, _ group: GroupName, _ limitSeconds: Double
  ) -> CommunicationError {
    let places = missing.map { "rank \($0) \(whereabouts(of: $0))" }
    return CommunicationError(
      "\(missing.namedRanks) did not come to \(call.text) within \(limitSeconds) s: "
        + places.joined(separator: "; "), at: place(group),
      fix: "see what the missing ranks were doing; raise the time limit if they are only slow")
  }

  private func gone(
    _ lost: [Int], _ call: CollectiveCall, _ group: GroupName
  ) -> CommunicationError {
    CommunicationError(
      "\(lost.namedRanks) ended and will not come to \(call.text)", at: place(group),
      fix: "all ranks of a group call the same operations in the same order")
  }

  /// What a rank that does not come is doing.
  private func whereabouts(of rank: Int) -> String {
    for (group, round) in rounds {
      if let arrival = round.arrivals[rank] {
        return "is in \(arrival.call.text) of \(place(group))"
      }
    }
    return "is in no operation"
  }

  private func place(_ group: GroupName) -> String { "group of \(group.members.namedRanks)" }
}
