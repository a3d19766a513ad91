/// The sizes of the blocks of an uneven all-to-all, in bytes, as one rank asks for them.
struct BlockCounts: Hashable, Sendable {
  /// What goes to each rank.
  var source: [Int] = []
  /// What comes from each rank.
  var destination: [Int] = []

  /// Where the block for a rank begins in the source.
  func sourceOffset(_ rank: Int) -> Int { source[..<rank].reduce(0, &+) }

  /// Throws unless there is a size for each rank, and they make up the buffers.
  func check(
    _ source: UnsafeRawBufferPointer, _ destination: UnsafeMutableRawBufferPointer,
    rankCount: Int, _ call: String, at place: String
  ) throws {
    let sides = [
      ("source", self.source, source.count),
      ("destination", self.destination, destination.count),
    ]
    for (name, counts, byteCount) in sides {
      guard counts.count == rankCount, counts.allSatisfy({ $0 >= 0 }),
        Self.total(counts) == byteCount
      else {
        throw CommunicationError(
          "\(call): the \(name) has \(byteCount) bytes, its blocks are \(counts)", at: place,
          fix: "give \(rankCount) sizes in bytes that add up to the \(name)'s")
      }
    }
  }

  private static func total(_ counts: [Int]) -> Int? {
    var total = 0
    for count in counts {
      let (sum, overflow) = total.addingReportingOverflow(count)
      if overflow { return nil }
      total = sum
    }
    return total
  }

  /// The error of ranks that do not agree, the same on all of them.
  static func mismatch(
    _ all: [BlockCounts], of call: CollectiveCall, ranks: [Int], at place: String
  ) -> CommunicationError? {
    for from in all.indices {
      for to in all.indices where all[from].source[to] != all[to].destination[from] {
        return CommunicationError(
          "the ranks are out of step: \(call.text): rank \(ranks[from]) gives "
            + "\(all[from].source[to]) bytes to rank \(ranks[to]), which expects "
            + "\(all[to].destination[from])", at: place,
          fix: "exchange the sizes first, by an all-to-all of equal blocks")
      }
    }
    return nil
  }
}
