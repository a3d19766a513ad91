import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Glibc

/// What a rank does.
enum Scenario: String, CaseIterable {
  /// Every collective, compared with the serial computation.
  case conformance
  /// The same over a hierarchy of hosts, for elements that can be combined in any order, and its groups.
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

  /// Does it, and returns what it found.
  func run(_ world: any Communicator) throws -> String {
    switch self {
    case .conformance:
      let problems = try CollectiveLaw.problems(world)
      return problems.isEmpty ? "right" : problems.joined(separator: ", ")
    case .hierarchy:
      let problems = try Self.integerProblems(world) + Self.groupProblems(world)
      return problems.isEmpty ? "right" : problems.joined(separator: ", ")
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

  private static func integerProblems(_ communicator: any Communicator) throws -> [String] {
    let small = try [0, 1, 7, 65].flatMap {
      try CollectiveLaw.problems(communicator, .int32, count: $0, seed: 1)
    }
    return try small
      + Memory.Place.allCases.flatMap {
        try CollectiveLaw.problems(communicator, .int16, count: 30_011, seed: 2, $0)
      }
  }

  /// Ranks of even and of odd numbers: of several hosts, or of one.
  private static func groupProblems(_ world: any Communicator) throws -> [String] {
    let ranks = (0..<world.rankCount).filter { $0 % 2 == world.rank % 2 }
    return try integerProblems(world.group(ranks))
  }

  private static func sum(_ world: any Communicator, _ value: Int) throws -> Int {
    var value = value
    try withUnsafeMutableBytes(of: &value) {
      try world.allReduce(UnsafeRawBufferPointer($0), into: $0, element: .int64, reduction: .sum)
    }
    return value
  }
}
