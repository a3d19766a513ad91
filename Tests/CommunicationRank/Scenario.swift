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
  /// The same over collectives of a library, which sums in an order of its own.
  case native
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
    case .conformance, .native: .direct
    case .hierarchy: .hierarchical
    default: nil
    }
  }

  /// Does it, and returns what it found.
  ///
  /// - Parameter seed: of random cases.
  func run(_ world: any Communicator, _ membership: Membership, seed: Int) throws -> String {
    switch self {
    case .conformance, .hierarchy, .native:
      return try Self.conformance(
        world, membership, algorithm ?? .direct, seed: seed, isAnyOrder: self == .native)
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
      for round in 0..<8_000 where try Self.sum(world, round) != round * world.rankCount {
        return "wrong in round \(round)"
      }
      return "right"
    }
  }

  /// Every case of a full table, large ones, and random ones in each way of parting the ranks into groups.
  private static func conformance(
    _ world: any Communicator, _ membership: Membership, _ algorithm: CollectiveAlgorithm,
    seed: Int, isAnyOrder: Bool
  ) throws -> String {
    let table = CaseTable(turn: world.rankCount)
    let groups = GroupShape.allCases.enumerated().map { index, shape in
      CollectiveLaw.Part(shape, CaseTable(turn: seed + index).random(20))
    }
    // A thread waits inside of a library for each rank, so that there are more than processors.
    let cases = isAnyOrder ? table.pairs : table.full
    let law = CollectiveLaw([.init(.all, cases), .init(.all, table.large)] + groups)
    let hosts = membership.members.map(\.hostIdentifier)
    let outcomes = try law.outcomes(world)
    var problems = law.problems(
      [world.rank: outcomes], algorithm, places: hosts.map { hosts.firstIndex(of: $0) ?? 0 },
      isAnyOrder: isAnyOrder)
    let sums = law.sums(outcomes, part: 0, of: Array(0..<world.rankCount))
    if try !areAlike(sums, on: world) { problems.append("the ranks have different sums") }
    return problems.isEmpty ? "right" : problems.prefix(10).joined(separator: ", ")
  }

  /// Whether all ranks have the same bytes, bit by bit.
  private static func areAlike(_ bytes: [UInt8], on world: any Communicator) throws -> Bool {
    var all = [UInt8](repeating: 0, count: bytes.count * world.rankCount)
    try bytes.withUnsafeBytes { source in
      try all.withUnsafeMutableBytes { try world.allGather(source, into: $0, outerCount: 1) }
    }
    return (0..<world.rankCount).allSatisfy {
      all[$0 * bytes.count..<($0 + 1) * bytes.count].elementsEqual(bytes)
    }
  }

  private static func sum(_ world: any Communicator, _ value: Int) throws -> Int {
    var value = value
    try withUnsafeMutableBytes(of: &value) {
      try world.allReduce(UnsafeRawBufferPointer($0), into: $0, element: .int64, reduction: .sum)
    }
    return value
  }
}
