import DeepEPCommunication
import DeepEPElements
import DeepEPEvents
import FoundationEssentials

/// A collective that `deepep benchmark` times.
enum TimedCollective: String, CaseIterable {
  case allReduce = "all-reduce"
  case reduceScatter = "reduce-scatter"
  case allGather = "all-gather"
  case allToAll = "all-to-all"

  /// The bytes that cross a rank's link for each byte of the operation, as nccl-tests count them.
  func busFactor(_ rankCount: Int) -> Double {
    let share = Double(rankCount - 1) / Double(rankCount)
    return self == .allReduce ? 2 * share : share
  }
}

/// What the timing of a collective found.
struct CollectiveReport: Codable {
  var operation: String
  var communication: String
  var ranks: Int
  /// The bytes of the whole: of each rank's buffer, or of the blocks of all.
  var bytes: Int
  /// Of the slowest rank.
  var secondsMedian: Double
  var secondsBest: Double
  var busBytesPerSecond: Double
  /// How long it takes all ranks to scale as many bytes in place, at the same time.
  var limitSeconds: Double
  /// How many bytes leave each host, what sockets add to them not counted; nil on one host.
  var hostBytes: [Int]?

  enum CodingKeys: String, CodingKey {
    case operation, communication, ranks, bytes
    case secondsMedian = "seconds_median"
    case secondsBest = "seconds_best"
    case busBytesPerSecond = "bus_bytes_per_second"
    case limitSeconds = "limit_seconds"
    case hostBytes = "host_bytes"
  }

  /// One line of JSON.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}

/// Times a collective of float32 elements in buffers that the transport allocates.
struct CollectiveTimer {
  let collective: TimedCollective
  let communicator: any Communicator
  let byteCount: Int
  /// How numbers of an all-reduce travel between hosts.
  var wire = WireFormat.exact
  private let source: CommunicationBuffer
  private let destination: CommunicationBuffer

  /// Makes the buffers.
  ///
  /// - Parameter byteCount: of the whole, rounded up to one element for each rank.
  init(_ collective: TimedCollective, byteCount: Int, on communicator: any Communicator) throws {
    let unit = 4 * communicator.rankCount
    self.byteCount = (byteCount + unit - 1) / unit * unit
    (self.collective, self.communicator) = (collective, communicator)
    let block = self.byteCount / communicator.rankCount
    source = try communicator.allocate(
      byteCount: collective == .allGather ? block : self.byteCount)
    destination = try communicator.allocate(
      byteCount: collective == .reduceScatter ? block : self.byteCount)
    for buffer in [source, destination] {
      buffer.bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }
  }

  /// Times rounds of the operation in three parts, and before, between and after them rounds of the limit: what other
  /// programs and other guests of the machine take of its memory changes within a second.
  func report(roundCount: Int, communication: String) throws -> CollectiveReport {
    let repeats = max(1, min(1000, (16 << 20) / byteCount))
    let scaled = { try times(roundCount / 4 + 1, repeats, end: communicator.barrier) { scale() } }
    var (limits, seconds) = (try scaled(), [Double]())
    for part in 0..<3 {
      seconds += try times((roundCount + part) / 3, repeats, run)
      limits += try scaled()
    }
    let median = Self.median(seconds)
    let factor = collective.busFactor(communicator.rankCount)
    return CollectiveReport(
      operation: collective.rawValue, communication: communication,
      ranks: communicator.rankCount, bytes: byteCount, secondsMedian: median,
      secondsBest: seconds.min() ?? median, busBytesPerSecond: factor * Double(byteCount) / median,
      limitSeconds: Self.median(limits))
  }

  /// The time of each round; the first two, which touch memory for the first time, do not count.
  ///
  /// - Parameter end: ends a round. Collectives end when all ranks have done their part; what ranks do
  ///   alone needs a meeting, or those that wait for a processor would not count.
  private func times(
    _ roundCount: Int, _ repeats: Int, end: () throws -> Void = {}, _ body: () throws -> Void
  ) throws -> [Double] {
    let all = try (0..<roundCount + 2).map { _ in
      try slowest {
        for _ in 0..<repeats { try body() }
        try end()
      } / Double(repeats)
    }
    return Array(all.dropFirst(2))
  }

  /// Calls the operation once.
  func run() throws {
    let input = UnsafeRawBufferPointer(source.bytes)
    switch collective {
    case .allReduce where wire != .exact:
      try communicator.allReduce(
        input, into: source.bytes, reduction: .sum, wire: wire, residual: nil)
    case .allReduce:
      try communicator.allReduce(
        input, into: source.bytes, element: .float32, reduction: .sum)
    case .reduceScatter:
      try communicator.reduceScatter(
        input, into: destination.bytes, element: .float32, reduction: .sum, outerCount: 1)
    case .allGather: try communicator.allGather(input, into: destination.bytes, outerCount: 1)
    case .allToAll: try communicator.allToAll(input, into: destination.bytes)
    }
  }

  /// Multiplies as many bytes as the operation has by a number, in place: the memory's limit.
  private func scale() {
    let bytes = collective == .allGather ? destination.bytes : source.bytes
    guard let start = bytes.baseAddress else { return }
    let width = MemoryLayout<SIMD16<Float>>.size
    for offset in stride(from: 0, to: byteCount / width * width, by: width) {
      let vector = start.load(fromByteOffset: offset, as: SIMD16<Float>.self)
      start.storeBytes(of: vector * 1.0001, toByteOffset: offset, as: SIMD16<Float>.self)
    }
  }

  /// The time of the rank that took longest.
  private func slowest(_ body: () throws -> Void) throws -> Double {
    try communicator.barrier()
    let start = Clock.seconds
    try body()
    var seconds = Clock.seconds - start
    try withUnsafeMutableBytes(of: &seconds) {
      try communicator.allReduce(
        UnsafeRawBufferPointer($0), into: $0, element: .float64, reduction: .maximum)
    }
    return seconds
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
  }
}
