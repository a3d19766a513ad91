import DeepEPCommunication
import DeepEPElements

/// What every transport keeps: its collectives are the serial computation in the order that its algorithm documents.
///
/// All ranks of a job do the same parts, each in a group of its own; groups of a part work at once, at other cases.
package struct CollectiveLaw: Sendable {
  package struct Part: Sendable {
    package var shape: GroupShape
    package var cases: [CollectiveCase]

    package init(_ shape: GroupShape, _ cases: [CollectiveCase]) {
      (self.shape, self.cases) = (shape, cases)
    }

    /// The cases of a group in its order: no two groups are at the same one.
    func cases(of group: [Int]) -> [CollectiveCase] {
      let start = cases.isEmpty ? 0 : (group.first ?? 0) * 3 % cases.count
      return Array(cases[start...] + cases[..<start])
    }
  }

  package let parts: [Part]

  package init(_ parts: [Part]) { self.parts = parts }

  /// How many cases a queue may have to do at a time.
  private static var batchSize: Int { 8 }

  // MARK: Doing

  /// Does all cases; returns what this rank has after each, by part.
  package func outcomes(_ world: any Communicator) throws -> [[CaseOutcome]] {
    try parts.map { part in
      let group = try part.shape.group(of: world)
      let ranks = part.shape.groups(world.rankCount).first { $0.contains(world.rank) } ?? []
      let queues = (try CommunicationQueue(group), try CommunicationQueue(group))
      let cases = part.cases(of: ranks)
      return try stride(from: 0, to: cases.count, by: Self.batchSize).flatMap { start in
        try Self.outcomes(
          cases[start..<min(cases.count, start + Self.batchSize)], on: group, queues)
      }
    }
  }

  /// Begins some cases, those on queues beside those of this thread, and waits for all.
  private static func outcomes(
    _ cases: ArraySlice<CollectiveCase>, on group: any Communicator,
    _ queues: (CommunicationQueue, CommunicationQueue)
  ) throws -> [CaseOutcome] {
    var started: [StartedCase] = []
    do {
      for subject in cases {
        let queue: CommunicationQueue? =
          switch subject.caller {
          case .rank: nil
          case .queue: queues.0
          case .otherQueue: queues.1
          }
        started.append(try StartedCase(subject, on: group, queue))
      }
      for subject in started { try subject.wait() }
    } catch {
      // What is under way ends because of it, and then the memory may go.
      group.fail("\(error)")
      for subject in started { try? subject.wait() }
      throw error
    }
    return started.map(\.outcome)
  }

  // MARK: Judging

  /// What this rank has after the all-reduces of ordinary numbers of a part, to be compared with other ranks.
  package func sums(_ outcomes: [[CaseOutcome]], part: Int, of group: [Int]) -> [UInt8] {
    zip(parts[part].cases(of: group), outcomes[part]).flatMap { subject, outcome in
      subject.kind == .allReduce && subject.values == .plain ? outcome.bytes : []
    }
  }

  /// Says what differs from the serial computation.
  ///
  /// - Parameters:
  ///   - outcomes: by rank, of some ranks or of all.
  ///   - places: the host of each rank.
  ///   - isAnyOrder: whether sums of floats may be taken in another order, as a library likes it.
  package func problems(
    _ outcomes: [Int: [[CaseOutcome]]], _ algorithm: CollectiveAlgorithm, places: [Int],
    isAnyOrder: Bool = false
  ) -> [String] {
    parts.enumerated().flatMap { number, part in
      part.shape.groups(places.count).flatMap { group -> [String] in
        let known = group.compactMap { rank in outcomes[rank].map { (rank, $0[number]) } }
        return part.cases(of: group).enumerated().flatMap { index, subject -> [String] in
          let found = known.map { rank, all in (group.firstIndex(of: rank) ?? 0, all[index]) }
          let order = SumOrder(
            algorithm, places: group.map { places[$0] },
            within: part.shape.outer(group, places.count).map { $0.map { places[$0] } },
            isAllReduce: subject.kind == .allReduce)
          return Self.problems(subject, found, order, isAnyOrder).map {
            "\(part.shape) \(group): \(subject): \($0)"
          }
        }
      }
    }
  }

  private static func problems(
    _ subject: CollectiveCase, _ found: [(rank: Int, outcome: CaseOutcome)], _ order: SumOrder,
    _ isAnyOrder: Bool
  ) -> [String] {
    let isClose = isAnyOrder && (subject.reduction == .sum || subject.reduction == .mean)
    let expected = subject.expected(order)
    var problems = found.filter { !$0.outcome.isTidy }.map {
      "rank \($0.rank) writes where it should not"
    }
    problems += found.filter { rank, outcome in
      let right = expected(rank)
      guard subject.kind.isReducing else { return outcome.bytes != right }
      return !Serial.areEqual(outcome.bytes, right, subject.element)
        && !(isClose && Serial.areClose(outcome.bytes, right, subject.element, order.rankCount))
    }.map { "rank \($0.rank) is wrong" }
    if subject.kind == .allReduce, Set(found.map(\.outcome.bytes)).count > 1 {
      problems.append("the ranks differ")
    }
    return problems
  }
}
