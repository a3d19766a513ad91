import Foundation
import Testing

/// One thing that goes wrong in a job: what, where, when.
///
/// All of it follows from a seed.
struct Disturbance: Sendable, CustomTestStringConvertible {
  /// What goes wrong.
  enum Kind: Hashable, Sendable {
    /// A rank is killed.
    case kill
    /// A rank is stopped.
    case stop
    /// A rank does not do what the others do.
    case desync(Mistake)
    /// A host is cut off.
    case partition
    /// The launcher is killed.
    case launcher
    /// What looks after the ranks of a host is killed.
    case supervisor

    var name: String {
      switch self {
      case .kill: "kill"
      case .stop: "stop"
      case .desync: "desync"
      case .partition: "partition"
      case .launcher: "kill of the launcher"
      case .supervisor: "kill of a supervisor"
      }
    }
  }

  /// What a rank does instead of a sum, as `DeepEPCommunicationRank stream` knows it.
  enum Mistake: String, CaseIterable, Sendable {
    case operation, size, element, skip, group, send, leave
    /// Those of ranks with several threads.
    case queue, beside, queues, groups, threads
  }

  /// How the ranks reach one another.
  enum Transport: String, CaseIterable, Sendable {
    case sharedMemory = "shared-memory"
    case tcp
    /// With whatever UCX finds, or limited to some of it.
    case ucx
    case ucxSockets = "ucx by tcp"
    case ucxSharedMemory = "ucx by sm"
    /// Under Open MPI's launcher.
    case mpi
    /// Between hosts, with shared memory within them.
    case links
    case ucxLinks = "links, ucx"
    case mpiLinks = "links, mpi"

    /// The option `communication`.
    var word: String {
      switch self {
      case .sharedMemory: "shared-memory"
      case .tcp, .links: "tcp"
      case .ucx, .ucxSockets, .ucxSharedMemory, .ucxLinks: "ucx"
      case .mpi, .mpiLinks: "mpi"
      }
    }

    /// Whether there are several hosts.
    var hasLinks: Bool { [.links, .ucxLinks, .mpiLinks].contains(self) }

    /// What the library may use: hosts that are namespaces of one machine could share memory.
    var variables: [String: String] {
      switch self {
      case .ucxSockets: ["UCX_TLS": "tcp,self"]
      case .ucxSharedMemory: ["UCX_TLS": "sm,self"]
      case .ucxLinks: ["UCX_TLS": "tcp,self", "UCX_NET_DEVICES": "link0"]
      default: [:]
      }
    }
  }

  /// Who starts the ranks.
  enum Starter: String, Sendable {
    case launch
    /// The test itself, with the variables of torchrun: the hub runs in rank 0.
    case variables
    /// Open MPI's, which ends all ranks when one of them is killed or fails.
    case mpirun
  }

  /// What the ranks do when it happens.
  enum Moment: String, CaseIterable, Sendable {
    case join
    case setUp = "set-up"
    /// The others wait for one rank at their ports.
    case meeting
    /// Many small operations.
    case small
    /// Few large ones.
    case large
    /// Small ones with pauses.
    case pauses
    /// One rank is between two operations, in which the others wait for it.
    case between
    case leave
  }

  let seed: UInt64
  let kind: Kind
  let transport: Transport
  let starter: Starter
  let moment: Moment
  /// The ranks of each host.
  let hosts: [Int]
  /// The rank that is disturbed; for a partition the host.
  let victim: Int
  /// How long after the moment has come.
  let delaySeconds: Double
  /// Whether each rank has started another program, in a session of its own.
  let hasDescendants: Bool

  var rankCount: Int { hosts.reduce(0, +) }

  /// The host of a rank.
  func host(of rank: Int) -> Int {
    var rest = rank
    for (host, count) in hosts.enumerated() {
      if rest < count { return host }
      rest -= count
    }
    return hosts.count - 1
  }

  /// How soon every rank has to end, by what the layer promises.
  var limitSeconds: Double {
    kind == .kill && hosts.count == 1 && starter != .mpirun ? 0.1 : 5
  }

  var testDescription: String {
    let what = if case .desync(let mistake) = kind { "desync (\(mistake))" } else { kind.name }
    let place = kind == .partition ? "host \(victim)" : "rank \(victim)"
    return
      "seed \(seed): \(what) of \(place), \(transport.rawValue), \(starter), \(moment.rawValue), "
      + "ranks \(hosts), \(Int(delaySeconds * 1000)) ms\(hasDescendants ? ", descendants" : "")"
  }
}

extension Disturbance {
  /// A disturbance of a seed.
  ///
  /// - Parameter hasLinks: whether there can be hosts here.
  init(seed: UInt64, hasLinks: Bool) {
    var random = FuzzBytes(seed: seed)
    self.seed = seed
    let kind = Self.kind(seed, hasLinks, &random)
    let moment = Self.moment(kind, &random)
    let transports = Self.transports(kind, moment, hasLinks: hasLinks)
    // Only sockets have a meeting.
    let transport =
      moment == .meeting ? .tcp : transports[Int(random.next() % UInt64(transports.count))]
    (self.kind, self.transport, self.moment) = (kind, transport, moment)
    starter = Self.starter(kind, transport, moment, &random)
    let hostCount = transport.hasLinks ? 2 + Int(random.next() % 3) : 1
    let rankCount = max(2, hostCount) + Int(random.next() % UInt64(9 - max(2, hostCount)))
    hosts = (0..<hostCount).map { rankCount / hostCount + ($0 < rankCount % hostCount ? 1 : 0) }
    let place = Int(random.next() % UInt64(kind == .partition ? hostCount : rankCount))
    // The last one is waited for by all others.
    victim = moment == .meeting ? rankCount - 1 : place
    delaySeconds = Double(random.next() % 300) / 1000
    // On another host nobody is left to end them when the supervisor is killed.
    let mayHave = starter == .launch && !(kind == .supervisor && transport.hasLinks)
    hasDescendants = mayHave && random.next() % 4 == 0
  }

  /// The program that starts ranks for MPI; nil if it is not installed.
  static var mpirun: String? {
    let path = "/usr/bin/mpirun"
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }

  private static func transports(_ kind: Kind, _ moment: Moment, hasLinks: Bool) -> [Transport] {
    let all = Transport.allCases.filter { transport in
      (hasLinks || !transport.hasLinks) && (transport.hasLinks || kind != .partition)
    }
    // Who looks after the ranks is mpirun, which waits for those that have not begun, or not ended.
    switch (kind, moment) {
    case (.launcher, _), (.supervisor, _), (_, .join), (_, .leave):
      return all.filter { $0.word != "mpi" }
    default: return mpirun != nil ? all : all.filter { $0.word != "mpi" }
    }
  }

  /// Seeds that follow one another give all kinds.
  private static func kind(
    _ seed: UInt64, _ hasLinks: Bool, _ random: inout FuzzBytes
  ) -> Kind {
    let mistake = Mistake.allCases[Int(random.next() % UInt64(Mistake.allCases.count))]
    let link: Kind = hasLinks ? .partition : .kill
    let kinds: [Kind] = [
      .kill, .desync(mistake), .stop, link, .kill, .desync(mistake), .launcher, .stop, .kill,
      .supervisor, link, .desync(mistake), .kill, .desync(mistake), .stop, .kill, link,
      .desync(mistake), .kill, .stop,
    ]
    return kinds[Int(seed % UInt64(kinds.count))]
  }

  private static func starter(
    _ kind: Kind, _ transport: Transport, _ moment: Moment, _ random: inout FuzzBytes
  ) -> Starter {
    if transport.word == "mpi" { return .mpirun }
    if kind == .launcher || kind == .supervisor || transport.hasLinks { return .launch }
    // A rank that never joins is missed by whoever has started it, or after minutes.
    if moment == .join { return .launch }
    return random.next() % 4 == 0 ? .variables : .launch
  }

  private static func moment(_ kind: Kind, _ random: inout FuzzBytes) -> Moment {
    // What a rank does wrong happens in an operation.
    if case .desync = kind { return [.small, .large, .pauses][Int(random.next() % 3)] }
    // Where nobody is singled out, nobody stays anywhere.
    let moments: [Moment] =
      kind == .kill || kind == .stop ? Moment.allCases : [.small, .large, .pauses]
    return moments[Int(random.next() % UInt64(moments.count))]
  }
}

// MARK: The ranks' command line

extension Disturbance {
  /// The words that `DeepEPCommunicationRank` gets.
  ///
  /// - Parameter mark: by which its process can be found.
  func words(mark: String) -> [String] {
    var words = ["stream", transport.word, "mark=\(mark)"]
    words.append("seed=\(seed % 1_000_000)")
    words.append("bytes=\(moment == .large ? 4 << 20 : 4096)")
    if moment == .pauses { words.append("pause=20") }
    if case .desync(let mistake) = kind {
      words.append("mistake=\(victim):\(seed % (moment == .large ? 7 : 200)):\(mistake)")
    }
    switch moment {
    case .join, .setUp, .meeting, .between, .leave:
      words += ["hold=\(victim):\(moment.rawValue)", "count=20"]
    default: break
    }
    return words
  }

  /// Whether the victim says that it stays where it is to be hit.
  var isHeld: Bool { words(mark: "").contains { $0.hasPrefix("hold=") } }

  /// Whether each rank can tell of an operation by then: ranks of an MPI know one another without one.
  var hasOperations: Bool { moment != .join && (moment != .setUp || transport.word != "mpi") }
}

extension Disturbance {
  /// Two ranks, of which one waits at its port for the other, which does not come.
  static var meeting: Disturbance {
    Disturbance(
      seed: 0, kind: .kill, transport: .tcp, starter: .launch, moment: .meeting, hosts: [2],
      victim: 1, delaySeconds: 0, hasDescendants: false)
  }
}
