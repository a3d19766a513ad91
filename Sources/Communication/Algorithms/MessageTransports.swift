import DeepEPElements

/// What the transports of messages can be told.
public struct MessageOptions: Hashable, Sendable {
  /// Which algorithm sums how much.
  public var algorithms = AlgorithmTable.packaged
  /// Sums between hosts go in pieces of about this many bytes, so that their phases overlap.
  public var pieceBytes = 1 << 20
  /// What goes around a ring goes in segments of about this many bytes.
  public var segmentBytes = 256 << 10
  /// How long a rank waits while nothing moves, in seconds.
  public var timeLimitSeconds = 600.0

  /// The options of every job.
  public init() {}
}

/// The tcp transport: ranks reach one another by sockets, on one host or on several.
package enum TCP {
  /// Makes the communicator of all ranks of a job.
  ///
  /// Each rank listens at its address of ``Membership`` until all are connected. On several hosts, ranks of one host
  /// share memory for what ``CollectiveAlgorithm/hierarchical`` does there.
  ///
  /// - Throws: ``CommunicationError`` if a rank cannot be reached.
  package static func communicator(
    _ control: any JobControl, options: MessageOptions = MessageOptions()
  ) throws -> any Communicator {
    try TCPMessages().communicator(control, options)
  }
}

/// The ucx transport: ranks reach one another by whatever UCX finds between them.
package enum UCX {
  /// Makes the communicator of all ranks of a job.
  ///
  /// On several hosts, ranks of one host share memory for what ``CollectiveAlgorithm/hierarchical`` does there.
  ///
  /// - Throws: ``CommunicationError`` if UCX is missing or too old, or a rank cannot be reached.
  package static func communicator(
    _ control: any JobControl, options: MessageOptions = MessageOptions()
  ) throws -> any Communicator {
    try UCXMessages().communicator(control, options)
  }
}

/// The mpi transport: ranks reach one another by the messages of the MPI whose launcher has started them.
package enum MPI {
  /// Makes the communicator of all ranks of a job.
  ///
  /// On several hosts, ranks of one host share memory for what ``CollectiveAlgorithm/hierarchical`` does there.
  ///
  /// - Throws: ``CommunicationError`` if no launcher of MPI has started the ranks, or its library cannot be used.
  package static func communicator(
    _ control: any JobControl, options: MessageOptions = MessageOptions()
  ) throws -> any Communicator {
    try MPIMessages(control).communicator(control, options)
  }

  /// Makes the communicator of all ranks of a job whose collectives are MPI's own, where it has them.
  ///
  /// - Throws: ``CommunicationError`` as the other one, and if MPI lets only one thread call it.
  package static func collectives(
    _ control: any JobControl, options: MessageOptions = MessageOptions()
  ) throws -> any Communicator {
    try options.compare(control)
    let messages = try MPIMessages(control)
    return try MPICollectives(
      messages,
      MessageCommunicator(
        control, messages, members: Array(0..<control.rankCount), options: options,
        log: control.log))
  }
}

/// Messages between threads of one process: what is sent over wires elsewhere, without wires.
package struct LocalWire: Sendable {
  private let messages = LocalMessages()

  /// Makes one; all ranks of a job share it.
  package init() {}

  /// Makes the communicator of all ranks of a job, some of which pretend to be on other hosts.
  ///
  /// - Parameter host: makes that of the ranks of a host.
  package func communicator(
    _ control: any JobControl, options: MessageOptions = MessageOptions(),
    host: () throws -> any Communicator
  ) throws -> any Communicator {
    try messages.communicator(control, options, host)
  }
}

extension MessageFabric {
  /// The communicator of all ranks of a job, those of a host with memory that they share.
  fileprivate func communicator(
    _ control: any JobControl, _ options: MessageOptions
  ) throws -> any Communicator {
    try communicator(control, options) {
      try SharedMemory.communicator(control, ranks: control.membership.localRanks)
    }
  }

  /// The communicator of all ranks of a job; hierarchical if the hosts allow it.
  fileprivate func communicator(
    _ control: any JobControl, _ options: MessageOptions, _ host: () throws -> any Communicator
  ) throws -> any Communicator {
    try options.compare(control)
    let ranks = Array(0..<control.rankCount)
    let world = try MessageCommunicator(
      control, self, members: ranks, options: options, log: control.log)
    let layout = HostLayout(ranks, in: control.membership)
    guard HierarchicalCommunicator.fits(layout) else { return world }
    return try HierarchicalCommunicator(world, layout, local: host())
  }
}

extension MessageOptions {
  /// What all ranks must agree on, as bytes for an exchange: they would wait for different messages.
  package var agreement: [UInt8] {
    let rows = algorithms.rows.map {
      "\($0.collective) \($0.layout) \($0.byteLimit ?? -1) \($0.algorithm)"
    }
    let text = (rows + ["\(pieceBytes) \(segmentBytes)"]).joined(separator: "\n")
    var writer = FrameWriter()
    writer.put(WordDigest.of(text.utf8))
    return writer.bytes
  }

  /// Throws unless all ranks have the same.
  fileprivate func compare(_ control: any JobControl) throws {
    let all = try control.exchange(agreement, as: "algorithms")
    let others = all.indices.filter { all[$0] != agreement }
    guard !others.isEmpty else { return }
    throw control.fail(
      CommunicationError(
        "\(others.namedRanks) of \(all.count) have other options of messages, or another table of "
          + "algorithms", at: control.membership.name(of: control.rank),
        fix: "give all ranks the same table and options"))
  }
}

/// Communicators that count what they give to others.
package protocol CountsMessages {
  /// How many bytes were sent to each rank of the group, without what the transport adds to them.
  var sentBytes: [Int] { get }
}
