import DeepEPCommunication
import DeepEPEvents
import DeepEPExecution
import DeepEPProfiling
import FoundationEssentials

extension TrainingSession {
  private static var stepCount: Int { 10 }

  /// What all ranks did in the last steps; collective over the job, and nil on all ranks but the first.
  ///
  /// - Throws: the job's failure.
  func timelines(in job: JoinedJob) throws -> [RankTimeline]? {
    let mine = timeline(in: job)
    guard let all = ranks?.all else { return [mine.last(Self.stepCount)] }
    let offset = try clockOffset(all, in: job)
    let bytes = Array(
      try JSONEncoder().encode(mine.last(Self.stepCount, offsetSeconds: offset)))
    guard all.rank == 0 else {
      try all.give(bytes)
      return nil
    }
    return try [mine.last(Self.stepCount)]
      + (1..<all.rankCount).map {
        try JSONDecoder().decode(RankTimeline.self, from: Data(try all.taken(from: $0)))
      }
  }

  private func timeline(in job: JoinedJob) -> RankTimeline {
    let queues = Dictionary(grouping: job.control.log.recent, by: \.queue)
    return RankTimeline(
      name: job.control.membership.name(of: job.control.rank), executed: executor.events.recent,
      exchanged: queues.keys.sorted().map { queues[$0, default: []].map(\.event) })
  }

  /// What the clock of this rank shows more than that of the first, as far as a barrier can tell; nothing on
  /// its host, where both have one clock.
  private func clockOffset(_ all: any Communicator, in job: JoinedJob) throws -> Double {
    try all.barrier()
    let own = Clock.seconds
    var first = own
    try withUnsafeMutableBytes(of: &first) { try all.broadcast($0, root: 0) }
    let members = job.control.membership.members
    let isNear = members[all.rank].hostIdentifier == members[0].hostIdentifier
    return isNear ? 0 : own - first
  }
}

extension Communicator {
  /// Sends bytes to the first rank, and before them how many there are.
  fileprivate func give(_ bytes: [UInt8]) throws {
    try withUnsafeBytes(of: bytes.count) { try send($0, to: 0) }
    try bytes.withUnsafeBytes { try send($0, to: 0) }
  }

  /// What a rank has given.
  fileprivate func taken(from rank: Int) throws -> [UInt8] {
    var count = 0
    try withUnsafeMutableBytes(of: &count) { try receive(into: $0, from: rank) }
    guard (0...Self.byteLimit).contains(count) else {
      throw CommunicationError(
        "\(count) bytes of a timeline are announced", at: "rank \(rank)",
        fix: "start the same program on all ranks")
    }
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try receive(into: $0, from: rank) }
    return bytes
  }

  /// More than the events take that a rank keeps.
  private static var byteLimit: Int { 1 << 26 }
}
