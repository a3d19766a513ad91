/// What the transports of messages can be told.
public struct MessageOptions: Hashable, Sendable {
  /// Which algorithm sums how much.
  public var algorithms = AlgorithmTable.packaged
  /// Sums between hosts go in pieces of about this many bytes, so that their phases overlap.
  public var pieceBytes = 4 << 20
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
  /// share memory for what ``AllReduceAlgorithm/hierarchical`` does there.
  ///
  /// - Throws: ``CommunicationError`` if a rank cannot be reached.
  package static func communicator(
    _ control: any JobControl, options: MessageOptions = MessageOptions()
  ) throws -> any Communicator {
    try TCPMessages().communicator(control, options) {
      try SharedMemory.communicator(control, ranks: control.membership.localRanks)
    }
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
  /// The communicator of all ranks of a job; hierarchical if the hosts allow it.
  fileprivate func communicator(
    _ control: any JobControl, _ options: MessageOptions, _ host: () throws -> any Communicator
  ) throws -> any Communicator {
    let world = try MessageCommunicator(
      control, self, members: Array(0..<control.rankCount), options: options,
      log: CommunicationLog())
    guard HierarchicalCommunicator.fits(control.membership) else { return world }
    return try HierarchicalCommunicator(world, host: host())
  }
}

/// Communicators that count what they give to others.
package protocol CountsMessages {
  /// How many bytes were sent to each rank of the group, without what the transport adds to them.
  var sentBytes: [Int] { get }
}
