import DeepEPCommunication
import DeepEPCommunicationLaws
import Testing

/// A way to make communicators, for tests that every transport must pass.
///
/// A new transport, or an algorithm of one, is one more here; the tests run over ``all``.
struct TestTransport: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// Whose order sums have.
  var algorithm = CollectiveAlgorithm.direct
  /// Where some ranks run: for each the number of its host.
  var layouts: @Sendable (_ rankCount: Int) -> [[Int]] = { [Array(repeating: 0, count: $0)] }
  /// Makes the communicator of a rank, on the rank's thread.
  let communicator: @Sendable (any JobControl, ThreadJob.Shared) throws -> any Communicator

  /// The collectives that it does; algorithms that only sum in another way have the others from elsewhere.
  var kinds: [CollectiveCase.Kind] {
    switch algorithm {
    case .direct, .hierarchical: CollectiveCase.Kind.allCases
    case .ring, .recursiveDoubling, .hierarchicalDoubling: [.allReduce]
    }
  }

  static var all: [TestTransport] {
    [local, sharedMemory] + CollectiveAlgorithm.allCases.flatMap { [wire($0), tcp($0)] }
      + [ucx(.direct), ucx(.ring), ucx(.hierarchical)]
  }

  /// Threads that see one another's memory.
  private static var local: TestTransport {
    TestTransport(testDescription: "local") { $1.local($0) }
  }

  /// Threads with an arena, each of which maps all of it, as processes do.
  private static var sharedMemory: TestTransport {
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
  private static func wire(_ algorithm: CollectiveAlgorithm) -> TestTransport {
    let options = options(algorithm, pieceBytes: 1000, segmentBytes: 200)
    return TestTransport(
      testDescription: "local messages, \(algorithm.rawValue)", algorithm: algorithm,
      layouts: layouts(algorithm)
    ) { control, shared in
      try shared.wire.communicator(control, options: options) { shared.local(control) }
    }
  }

  /// Threads with sockets between them, and shared memory on each host.
  private static func tcp(_ algorithm: CollectiveAlgorithm) -> TestTransport {
    messages("tcp", algorithm, segmentBytes: 5000) { try TCP.communicator($0, options: $1) }
  }

  /// Threads between which UCX finds what it likes best, and shared memory on each host.
  private static func ucx(_ algorithm: CollectiveAlgorithm) -> TestTransport {
    messages("ucx", algorithm, segmentBytes: 10_000) { try UCX.communicator($0, options: $1) }
  }

  private static func messages(
    _ name: String, _ algorithm: CollectiveAlgorithm, segmentBytes: Int,
    _ communicator: @escaping @Sendable (any JobControl, MessageOptions) throws -> any Communicator
  ) -> TestTransport {
    let options = options(algorithm, pieceBytes: 20_000, segmentBytes: segmentBytes)
    return TestTransport(
      testDescription: "\(name), \(algorithm.rawValue)", algorithm: algorithm,
      layouts: layouts(algorithm)
    ) { control, _ in try communicator(control, options) }
  }

  /// Pieces that are smaller than much of what is exchanged, and do not divide it.
  private static func options(
    _ algorithm: CollectiveAlgorithm, pieceBytes: Int, segmentBytes: Int
  ) -> MessageOptions {
    var options = MessageOptions()
    options.algorithms = AlgorithmTable(algorithm)
    (options.pieceBytes, options.segmentBytes) = (pieceBytes, segmentBytes)
    return options
  }

  /// One host; for hierarchies several, also with ranks that are not in the order of their hosts, and unequal ones.
  private static func layouts(
    _ algorithm: CollectiveAlgorithm
  ) -> @Sendable (Int) -> [[Int]] {
    guard algorithm == .hierarchical || algorithm == .hierarchicalDoubling else {
      return { [Array(repeating: 0, count: $0)] }
    }
    return { rankCount in
      switch rankCount {
      case 2: [[0, 1]]
      case 3: [[0, 1, 2], [0, 1, 1]]
      case 4: [[0, 0, 1, 1], [0, 1, 1, 0]]
      case 6: [[0, 0, 0, 1, 1, 1], [0, 1, 2, 2, 1, 0]]
      case 8: [[0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 3, 0, 1, 2, 3]]
      default: [(0..<rankCount).map { 2 * $0 / rankCount }]
      }
    }
  }

  /// Runs the ranks of a new job, each on a thread of its own, and returns what each of them returned.
  func run<Result: Sendable>(
    places: [Int], _ body: @escaping @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    try ThreadJob(places: places).run(communicator, body)
  }

  /// The same, on the first hosts of such a job.
  func run<Result: Sendable>(
    rankCount: Int, _ body: @escaping @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    try run(places: layouts(rankCount)[0], body)
  }
}
