/// Who takes part in a job: this rank's number, and what is known of every rank.
public struct Membership: Hashable, Sendable {
  /// A rank: a process, or a thread of one, and where it runs.
  public struct Member: Hashable, Sendable {
    /// The name of its host, for people.
    public var hostName: String
    /// Ranks with equal identifiers share the memory and the files of a host; names need not tell.
    public var hostIdentifier: String
    /// The number of its process on its host.
    public var processIdentifier: Int32
    /// The numeric address at which ranks of other hosts reach its host: "10.0.0.7".
    public var address: String

    /// Makes a member.
    public init(
      hostName: String, hostIdentifier: String, processIdentifier: Int32, address: String
    ) {
      self.hostName = hostName
      self.hostIdentifier = hostIdentifier
      self.processIdentifier = processIdentifier
      self.address = address
    }
  }

  /// Tells jobs apart that run on a host at the same time.
  ///
  /// No secret. Letters, digits and dashes.
  public var jobName: String
  /// The number of this rank, from zero.
  public var rank: Int
  /// All ranks by their numbers.
  public var members: [Member]

  /// Makes a membership.
  public init(jobName: String, rank: Int, members: [Member]) {
    self.jobName = jobName
    self.rank = rank
    self.members = members
  }

  /// The number of ranks.
  public var rankCount: Int { members.count }

  /// The ranks of each host, ascending; the hosts in the order of their first ranks.
  public var hosts: [[Int]] {
    let groups = Dictionary(grouping: members.indices) { members[$0].hostIdentifier }
    return groups.values.sorted { $0[0] < $1[0] }
  }

  /// The ranks of this rank's host, ascending.
  public var localRanks: [Int] {
    members.indices.filter {
      members[$0].hostIdentifier == members[rank].hostIdentifier
    }
  }

  /// How messages name a rank: "rank 3 (host n1, process 4711)".
  public func name(of rank: Int) -> String {
    guard members.indices.contains(rank) else { return "rank \(rank)" }
    let member = members[rank]
    // The hub names ranks before they have joined.
    guard member.processIdentifier != 0 else { return "rank \(rank)" }
    return "rank \(rank) (host \(member.hostName), process \(member.processIdentifier))"
  }
}
