/// How the ranks of a job reach one another: the values of the option `communication`.
public enum CommunicationTransport: String, Hashable, Codable, Sendable, CaseIterable {
  /// Ranks are threads of one process; see ``LocalGroup``.
  case local
  /// Whichever of the others fits: shared memory on one host, between hosts a fabric that UCX sees, else MPI or sockets.
  case auto
  /// Ranks are processes of one host, with memory that all of them see.
  case sharedMemory = "shared-memory"
  /// Ranks reach one another by sockets.
  case tcp
  /// Ranks reach one another by UCX, where that is installed: by InfiniBand, RoCE and their like.
  case ucx
  /// Ranks reach one another by the messages of the MPI whose launcher has started them: `mpirun`, `srun`.
  case mpi
  /// The same, with that MPI's own collectives where it has them for the elements.
  case mpiCollectives = "mpi-collectives"
  case nccl

  /// Whether this version has it.
  public var isAvailable: Bool { missing == nil }

  /// Throws if this version lacks the transport, and says which one to take.
  public func check() throws {
    guard let missing else { return }
    throw CommunicationError(
      "there is no communication '\(rawValue)' yet: \(missing)", at: "communication",
      fix: "choose \(Self.allCases.filter(\.isAvailable).map(\.rawValue).joined(separator: ", "))")
  }

  /// Makes the communicator of all ranks of a job that are processes.
  ///
  /// - Parameter messages: what transports of messages are told; nil: what ``MessageOptions/standard(_:)``
  ///   finds, the measured table of algorithms of the host of rank 0.
  /// - Throws: ``CommunicationError`` if the transport cannot reach all ranks, or the table cannot be used.
  package func communicator(
    _ control: any JobControl, messages: MessageOptions? = nil
  ) throws -> any Communicator {
    try check()
    switch self {
    case .auto:
      return try TransportChoice(control).transport.communicator(control, messages: messages)
    case .sharedMemory: return try SharedMemory.communicator(control)
    case .tcp: return try TCP.communicator(control, options: messages ?? .standard(control))
    case .ucx: return try UCX.communicator(control, options: messages ?? .standard(control))
    case .mpi: return try MPI.communicator(control, options: messages ?? .standard(control))
    case .mpiCollectives:
      return try MPI.collectives(control, options: messages ?? .standard(control))
    case .local, .nccl:
      throw CommunicationError(
        "communication '\(rawValue)' does not reach other processes", at: "communication",
        fix: "choose \(Self.reaching.map(\.rawValue).joined(separator: ", "))")
    }
  }

  /// Those whose ranks are processes.
  private static var reaching: [Self] { allCases.filter { $0.isAvailable && $0 != .local } }

  private var missing: String? {
    switch self {
    case .local, .auto, .sharedMemory, .tcp, .ucx, .mpi, .mpiCollectives: nil
    case .nccl: "it comes with the devices of NVIDIA"
    }
  }
}
