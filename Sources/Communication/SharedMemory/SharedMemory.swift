/// The shared-memory transport: ranks of one host, with memory that all of them see.
package enum SharedMemory {
  /// Makes the communicator of all ranks of a job, which run on one host.
  ///
  /// - Throws: ``CommunicationError`` if a rank runs on another host, or memory cannot be shared.
  package static func communicator(
    _ control: any JobControl, options: SharedMemoryOptions = SharedMemoryOptions()
  ) throws -> any Communicator {
    let membership = control.membership
    guard membership.hosts.count == 1 else {
      throw CommunicationError(
        "the ranks run on \(membership.hosts.count) hosts, which share no memory",
        at: membership.name(of: control.rank), fix: "choose communication tcp")
    }
    return try communicator(control, ranks: Array(0..<membership.rankCount), options: options)
  }

  /// Makes the communicator of some ranks of a job that run on this host, all of which make it.
  ///
  /// - Parameter ranks: numbers of the job, ascending, this rank's among them.
  package static func communicator(
    _ control: any JobControl, ranks: [Int], options: SharedMemoryOptions = SharedMemoryOptions()
  ) throws -> any Communicator {
    let arena = try SharedArena(control, ranks: ranks, options: options)
    return try SharedMemoryCommunicator(
      arena, members: ranks, name: "world", isWorld: true, log: control.log)
  }
}
