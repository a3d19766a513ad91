import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Glibc

/// What a rank does.
enum Scenario: String, CaseIterable {
  /// Every collective, compared with the serial computation.
  case conformance
  /// Barriers without end: until somebody ends a rank.
  case barriers
  /// Rank 1 calls a barrier where the others sum.
  case outOfStep = "out-of-step"
  /// One rank comes three seconds late.
  case late
  /// Many small sums of all ranks.
  case many

  /// Does it, and returns what it found.
  func run(_ world: any Communicator) throws -> String {
    switch self {
    case .conformance:
      let problems = try CollectiveLaw.problems(world)
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
    case .many:
      for round in 0..<20_000 where try Self.sum(world, round) != round * world.rankCount {
        return "wrong in round \(round)"
      }
      return "right"
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
