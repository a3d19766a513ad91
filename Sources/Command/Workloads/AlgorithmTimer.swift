import DeepEPCommunication
import DeepEPElements
import DeepEPEvents

/// Times the algorithms of a collective beside one another, in buffers that the transport allocates.
struct AlgorithmTimer {
  let communicator: any ChoosesAlgorithms
  private let source: CommunicationBuffer
  private let destination: CommunicationBuffer

  /// Makes buffers for sources of up to `byteLimit` bytes.
  init(_ communicator: any ChoosesAlgorithms, byteLimit: Int) throws {
    self.communicator = communicator
    source = try communicator.allocate(byteCount: byteLimit)
    destination = try communicator.allocate(byteCount: byteLimit)
    for buffer in [source, destination] {
      buffer.bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }
  }

  /// What there is to choose from, with this communicator.
  func algorithms(of collective: TunedCollective) -> [CollectiveAlgorithm] {
    collective.algorithms.filter {
      communicator.isHierarchical || ($0 != .hierarchical && $0 != .hierarchicalDoubling)
    }
  }

  /// The time that each algorithm takes for a source of `byteCount` bytes, of the slowest rank: the medians of rounds
  /// in each of which another algorithm goes first.
  func seconds(
    _ collective: TunedCollective, byteCount: Int, roundCount: Int
  ) throws -> [String: Double] {
    let algorithms = algorithms(of: collective)
    let repeats = max(1, min(20, (1 << 18) / byteCount))
    var seconds: [CollectiveAlgorithm: [Double]] = [:]
    // The first round touches memory for the first time.
    for round in 0...roundCount {
      for place in algorithms.indices {
        let algorithm = algorithms[(place + round) % algorithms.count]
        communicator.algorithms = AlgorithmTable(algorithm)
        let time = try slowest { for _ in 0..<repeats { try run(collective, byteCount) } }
        if round > 0 { seconds[algorithm, default: []].append(time / Double(repeats)) }
      }
    }
    return Dictionary(
      uniqueKeysWithValues: seconds.map { ($0.rawValue, $1.sorted()[$1.count / 2]) })
  }

  private func run(_ collective: TunedCollective, _ byteCount: Int) throws {
    let ranks = communicator.rankCount
    let bytes = UnsafeMutableRawBufferPointer(rebasing: source.bytes[..<byteCount])
    let (input, part) = (UnsafeRawBufferPointer(bytes), byteCount / ranks)
    switch collective {
    case .allReduce:
      try communicator.allReduce(input, into: bytes, element: .float32, reduction: .sum)
    case .reduceScatter:
      try communicator.reduceScatter(
        input, into: .init(rebasing: destination.bytes[..<part]), element: .float32,
        reduction: .sum, outerCount: 1)
    case .allGather:
      try communicator.allGather(
        .init(rebasing: input[..<part]), into: .init(rebasing: destination.bytes[..<byteCount]),
        outerCount: 1)
    case .allToAll:
      try communicator.allToAll(input, into: .init(rebasing: destination.bytes[..<byteCount]))
    case .broadcast: try communicator.broadcast(bytes, root: 0)
    }
  }

  /// The time of the rank that took longest.
  private func slowest(_ body: () throws -> Void) throws -> Double {
    try communicator.barrier()
    let start = Clock.seconds
    try body()
    // A broadcast is over for its root before it is for the others.
    try communicator.barrier()
    var seconds = Clock.seconds - start
    try withUnsafeMutableBytes(of: &seconds) {
      try communicator.allReduce(
        UnsafeRawBufferPointer($0), into: $0, element: .float64, reduction: .maximum)
    }
    return seconds
  }
}
