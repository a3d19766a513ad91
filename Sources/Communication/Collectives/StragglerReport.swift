/// Who waited for whom among the ranks of a job.
///
/// Where ranks send one another messages, a rank waits for the one whose message comes last, which may itself have
/// waited for another one: so the report says of each rank how long it waited itself.
public struct StragglerReport: Hashable, Sendable {
  /// A rank that others waited for.
  public struct Entry: Hashable, Sendable {
    /// The rank that came last.
    public var rank: Int
    /// The ranks that waited for it, ascending.
    public var waitingRanks: [Int]
    /// How often one of them did, at most.
    public var count: Int
    /// How long one of them waited in all, at most.
    public var waitSeconds: Double
    /// How long the rank itself waited for others in all.
    public var ownWaitSeconds: Double

    /// "rank 3 was waited for 12.4 s by ranks 0, 1, 2 (812 times), and waited 0.3 s itself".
    public var text: String {
      "rank \(rank) was waited for \(Self.text(waitSeconds)) by \(waitingRanks.namedRanks) "
        + "(\(count == 1 ? "once" : "\(count) times")), and waited \(Self.text(ownWaitSeconds)) itself"
    }

    private static func text(_ seconds: Double) -> String {
      let tenths = Int((min(1e15, max(0, seconds)) * 10).rounded())
      return "\(tenths / 10).\(tenths % 10) s"
    }
  }

  /// The ranks that others waited for: first those that were waited for longer than they waited themselves.
  public let entries: [Entry]

  /// Puts together what ranks have noted.
  ///
  /// - Parameter stragglers: those of each rank's ``CommunicationLog``, by its number.
  public init(_ stragglers: [[Straggler]]) {
    var entries: [Int: Entry] = [:]
    let own = stragglers.map { $0.reduce(0) { $0 + $1.waitSeconds } }
    for (waiting, all) in stragglers.enumerated() {
      for straggler in all where straggler.rank != waiting {
        let rank = straggler.rank
        let entry = Entry(
          rank: rank, waitingRanks: [], count: 0, waitSeconds: 0,
          ownWaitSeconds: own.indices.contains(rank) ? own[rank] : 0)
        entries[rank, default: entry].add(straggler, of: waiting)
      }
    }
    self.entries = entries.values.sorted { ($1.excess, $0.rank) < ($0.excess, $1.rank) }
  }

  /// Gathers what all ranks have noted until now, in all of their groups.
  ///
  /// Collective over the ranks of the job.
  ///
  /// - Parameter communicator: of all ranks of a job.
  /// - Throws: the communicator's errors.
  public init(gatheredBy communicator: any Communicator) throws {
    let own = communicator.log?.stragglers ?? []
    let count = communicator.rankCount
    var (counts, seconds) = (
      [Double](repeating: 0, count: count), [Double](repeating: 0, count: count)
    )
    for straggler in own where counts.indices.contains(straggler.rank) {
      (counts[straggler.rank], seconds[straggler.rank]) = (
        Double(straggler.count), straggler.waitSeconds
      )
    }
    var all = [Double](repeating: 0, count: 2 * count * count)
    try (counts + seconds).withUnsafeBytes { source in
      try all.withUnsafeMutableBytes {
        try communicator.allGather(source, into: $0, outerCount: 1)
      }
    }
    self.init(
      (0..<count).map { waiting in
        (0..<count).map { rank in
          Straggler(
            rank: rank, count: Int(exactly: all[waiting * 2 * count + rank]) ?? 0,
            waitSeconds: all[waiting * 2 * count + count + rank])
        }.filter { $0.count > 0 }
      })
  }

  /// What the report says, a line for each of the ranks that were waited for the longest.
  public var lines: [String] {
    guard !entries.isEmpty else { return ["no rank was waited for"] }
    let more = entries.count - Self.lineCount
    return entries.prefix(Self.lineCount).map(\.text) + (more > 0 ? ["and \(more) more"] : [])
  }

  private static var lineCount: Int { 16 }
}

extension StragglerReport.Entry {
  fileprivate var excess: Double { waitSeconds - ownWaitSeconds }

  fileprivate mutating func add(_ straggler: Straggler, of waiting: Int) {
    waitingRanks.append(waiting)
    count = max(count, straggler.count)
    waitSeconds = max(waitSeconds, straggler.waitSeconds)
  }
}
