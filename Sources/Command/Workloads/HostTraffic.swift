import DeepEPCommunication
import DeepEPElements

/// Counts the bytes that leave each host of a job.
struct HostTraffic {
  private let communicator: any Communicator
  private let counter: any CountsMessages
  private let hosts: [[Int]]
  private let host: Int

  /// - Returns: nil on one host, or if the transport does not count.
  init?(_ communicator: any Communicator, _ membership: Membership) {
    guard let counter = communicator as? any CountsMessages, membership.hosts.count > 1 else {
      return nil
    }
    (self.communicator, self.counter, hosts) = (communicator, counter, membership.hosts)
    host = hosts.firstIndex { $0.contains(membership.rank) } ?? 0
  }

  /// The bytes that leave each host while all ranks do something.
  func bytes(of body: () throws -> Void) throws -> [Int] {
    let before = counter.sentBytes
    try body()
    let after = counter.sentBytes
    let others = hosts.indices.filter { $0 != host }.flatMap { hosts[$0] }
    var counts = [Int64](repeating: 0, count: hosts.count)
    counts[host] = others.reduce(0) { $0 + Int64(after[$1] - before[$1]) }
    try counts.withUnsafeMutableBytes {
      try communicator.allReduce(
        UnsafeRawBufferPointer($0), into: $0, element: .int64, reduction: .sum)
    }
    return counts.map { Int($0) }
  }
}
