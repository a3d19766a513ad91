/// How the ranks of a job reach one another: the values of the option `communication`.
public enum CommunicationTransport: String, Hashable, Codable, Sendable, CaseIterable {
  /// Ranks are threads of one process; see ``LocalGroup``.
  case local
  /// Ranks are processes of one host, with memory that all of them see.
  case sharedMemory = "shared-memory"
  /// Ranks reach one another by sockets.
  case tcp
  /// Ranks reach one another by UCX, where that is installed: by InfiniBand, RoCE and their like.
  case ucx
  case mpi, nccl

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
    case .sharedMemory: return try SharedMemory.communicator(control)
    case .tcp: return try TCP.communicator(control, options: messages ?? .standard(control))
    case .ucx: return try UCX.communicator(control, options: messages ?? .standard(control))
    case .local, .mpi, .nccl:
      throw CommunicationError(
        "communication '\(rawValue)' does not reach other processes", at: "communication",
        fix: "choose \(Self.sharedMemory.rawValue), \(Self.tcp.rawValue) or \(Self.ucx.rawValue)")
    }
  }

  private var missing: String? {
    switch self {
    case .local, .sharedMemory, .tcp, .ucx: nil
    case .mpi: "it comes with fabrics that need it"
    case .nccl: "it comes with the devices of NVIDIA"
    }
  }
}
