import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Glibc

/// What a rank does.
enum Scenario: String, CaseIterable {
  /// Every collective, compared with the serial computation in the order of the ranks.
  case conformance
  /// The same over a hierarchy of hosts, in its order.
  case hierarchy
  /// Barriers without end: until somebody ends a rank.
  case barriers
  /// Rank 1 calls a barrier where the others sum.
  case outOfStep = "out-of-step"
  /// One rank comes three seconds late.
  case late
  /// All wait for one another, but for a thread of rank 1 that computes and has not communicated before.
  case helper
  /// Many small sums of all ranks.
  case many

  /// The algorithm of messages that it is about; nil if it is about none.
  var algorithm: CollectiveAlgorithm? {
    switch self {
    case .conformance: .direct
    case .hierarchy: .hierarchical
    default: nil
    }
  }

  /// Does it, and returns what it found.
  ///
  /// - Parameter seed: of random cases.
  func run(_ world: any Communicator, _ membership: Membership, seed: Int) throws -> String {
    switch self {
    case .conformance, .hierarchy:
      return try Self.conformance(world, membership, algorithm ?? .direct, seed: seed)
    case .barriers:
      print("ready \(getpid())")
      fflush(nil)
      while true { try world.barrier() }
    case .outOfStep:
      try world.barrier()
      if world.rank == 1 { try world.barrier() } else { _ = try Self.sum(world, 1) }
      return "no error"
    case .late:
      if world.rank == 1 { sleep(3) }
      return "\(try Self.sum(world, 1))"
    case .helper:
      let group = try world.group(Array(0..<world.rankCount))
      guard world.rank == 1 else {
        try group.barrier()
        try world.barrier()
        return "right"
      }
      let helper = WorkingThread {
        let end = ContinuousClock.now + .seconds(3)
        while ContinuousClock.now < end {}
        try group.barrier()
      }
      try world.barrier()
      try helper.wait()
      return "right"
    case .many:
      for round in 0..<20_000 where try Self.sum(world, round) != round * world.rankCount {
        return "wrong in round \(round)"
      }
      return "right"
    }
  }

  /// Every case of a full table, large ones, and random ones in each way of parting the ranks into groups.
  private static func conformance(
    _ world: any Communicator, _ membership: Membership, _ algorithm: CollectiveAlgorithm,
    seed: Int
  ) throws -> String {
    let table = CaseTable(turn: world.rankCount)
    let groups = GroupShape.allCases.enumerated().map { index, shape in
      CollectiveLaw.Part(shape, CaseTable(turn: seed + index).random(20))
    }
    let law = CollectiveLaw([.init(.all, table.full), .init(.all, table.large)] + groups)
    let hosts = membership.members.map(\.hostIdentifier)
    let problems = law.problems(
      [world.rank: try law.outcomes(world)], algorithm,
      places: hosts.map { hosts.firstIndex(of: $0) ?? 0 })
    return problems.isEmpty ? "right" : problems.prefix(10).joined(separator: ", ")
  }

  private static func sum(_ world: any Communicator, _ value: Int) throws -> Int {
    var value = value
    try withUnsafeMutableBytes(of: &value) {
      try world.allReduce(UnsafeRawBufferPointer($0), into: $0, element: .int64, reduction: .sum)
    }
    return value
  }
}
