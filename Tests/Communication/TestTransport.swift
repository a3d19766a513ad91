import DeepEPCommunication
import Testing

/// A way to make communicators, for tests that every transport must pass.
struct TestTransport: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// Makes the communicator of a rank, on the rank's thread.
  let communicator: @Sendable (any JobControl, LocalGroup) throws -> any Communicator

  /// Threads that see one another's memory.
  static var local: TestTransport {
    TestTransport(testDescription: "local") { $1.communicators[$0.membership.rank] }
  }

  /// Threads with an arena, each of which maps all of it, as processes do.
  static var sharedMemory: TestTransport {
    TestTransport(testDescription: "shared-memory") { control, _ in
      var options = SharedMemoryOptions()
      options.eagerBytes = 1024
      options.alwaysEagerBytes = 64
      options.pieceBytes = 4096
      options.shareBytes = 512
      options.segmentBytes = 64 << 20
      return try SharedMemory.communicator(control, options: options)
    }
  }

  /// Threads that send one another messages, without sockets.
  static var wire: TestTransport {
    let wire = LocalWire()
    return TestTransport(testDescription: "wire") { control, group in
      try wire.communicator(control, options: inRankOrder) {
        group.communicators[control.membership.rank]
      }
    }
  }

  /// Threads with sockets between them.
  static var tcp: TestTransport {
    TestTransport(testDescription: "tcp") { control, _ in
      try TCP.communicator(control, options: inRankOrder)
    }
  }

  /// The algorithm that combines in the order of the ranks, whichever is the fastest.
  private static var inRankOrder: MessageOptions {
    var options = MessageOptions()
    options.algorithms = AlgorithmTable(.direct)
    return options
  }

  static var all: [TestTransport] { [local, sharedMemory, wire, tcp] }

  /// Runs the ranks of a new job, each on a thread of its own, and returns what each of them returned.
  func run<Result: Sendable>(
    rankCount: Int, _ body: @escaping @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    let controls = LocalJobControl.job(hosts: [rankCount])
    let group = try LocalGroup(rankCount: rankCount)
    return try LocalGroup.run(rankCount: rankCount) { thread in
      let control = controls[thread.rank]
      do {
        let result = try body(communicator(control, group))
        control.leave()
        return result
      } catch {
        control.fail(CommunicationError("\(error)", at: "rank \(thread.rank)", fix: ""))
        group.communicators[thread.rank].fail("\(error)")
        throw error
      }
    }
  }
}
