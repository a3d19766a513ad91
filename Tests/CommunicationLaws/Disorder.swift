import DeepEPCommunication
import DeepEPElements

/// What ranks with several threads do that are out of step in a way that no group sees for itself: each operation
/// waits for ranks that wait elsewhere.
package enum Disorder: String, CaseIterable, Sendable {
  /// One rank makes a group, where the others wait for an operation of a queue.
  case queue
  /// One rank sends a message in another group, where the others are in an operation of a queue and in a barrier.
  case beside
  /// One rank waits for two queues in another order than the others.
  case queues
  /// Two threads of each rank enter two groups each; those of one rank in another order.
  case groups
  /// The same, with a third thread that waits for the end of these two by means of its own.
  case threads

  /// Does one rank's part, which never ends unless the job does.
  ///
  /// - Parameter isWrong: whether this is the rank that does not do what the others do.
  package func run(_ world: any Communicator, isWrong: Bool) throws {
    switch self {
    case .queue, .beside: try runQueue(world, isWrong)
    case .queues:
      let queues = [try CommunicationQueue(world), try CommunicationQueue(world)]
      for queue in isWrong ? queues.reversed() : queues { try queue.start(.barrier).wait() }
    case .groups, .threads:
      let groups = try (0..<4).map { _ in try world.group(Array(0..<world.rankCount)) }
      let pairs = [Array(groups[..<2]), Array(groups[2...])].map { isWrong ? $0.reversed() : $0 }
      let second = WorkingThread { try Self.enter(pairs[1]) }
      if self == .groups { return try Self.enter(pairs[0]) }
      let first = WorkingThread { try Self.enter(pairs[0]) }
      for thread in [first, second] { try thread.wait() }
    }
  }

  private func runQueue(_ world: any Communicator, _ isWrong: Bool) throws {
    let queue = try CommunicationQueue(world)
    let group = try world.group(Array(0..<world.rankCount))
    let memory = Memory(count: 8)
    try withExtendedLifetime(memory) {
      if isWrong, self == .queue { _ = try world.group(Array(0..<world.rankCount)) }
      if isWrong { try group.send(memory.constant, to: (world.rank + 1) % world.rankCount) }
      let handle = queue.start(
        .allReduce(memory.constant, into: memory.mutable, element: .int64, reduction: .sum))
      if self == .beside { try world.barrier() }
      try handle.wait()
    }
  }

  private static func enter(_ groups: [any Communicator]) throws {
    for group in groups { try group.barrier() }
  }
}
