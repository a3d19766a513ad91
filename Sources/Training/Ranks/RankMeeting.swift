import DeepEPCommunication
import DeepEPElements
import DeepEPExecution
import DeepEPPlans
import DeepEPStorage
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms
import FoundationEssentials

/// How the ranks of a run come together: they compare what must be alike, check the strategy, and reach one
/// another along the axes of its mesh.
package struct RankMeeting {
  private let job: JoinedJob
  private let strategy: Strategy
  private let transport: CommunicationTransport
  private let loader: any BatchLoader

  /// Compares what the ranks of a run know before they trace the model; collective over all of them.
  ///
  /// - Parameters:
  ///   - transport: How ranks reach one another; nil is ``CommunicationTransport/auto``.
  ///   - origin: What the run continues from.
  ///   - pretrained: Whose weights it begins with.
  /// - Throws: on all ranks: ``TrainingError`` if they differ, ``CommunicationError`` if one has failed.
  package init(
    in job: JoinedJob, strategy: Strategy, transport: CommunicationTransport?,
    loader: any BatchLoader, origin: Checkpoint? = nil, pretrained: (any PretrainedModel)? = nil
  ) throws {
    (self.job, self.strategy, self.loader) = (job, strategy, loader)
    let transport = transport ?? .auto
    if job.rankCount > 1 {
      try RunAgreement(Self.facts(strategy, transport, loader, origin, pretrained))
        .check(job.control)
    }
    self.transport = try transport == .auto ? job.chosenTransport() : transport
  }

  /// How fast the ranks reach one another: what lowering is told.
  package var links: Links { transport.links }

  /// The other ranks of the run of a program; nil if there are none.
  ///
  /// Collective over all of them.
  ///
  /// - Throws: on all ranks: ``TrainingError`` if they differ, ``StrategyError`` if the strategy cannot work
  ///   for the program or the number of ranks, ``CommunicationError`` if one does not come.
  package func ranks(for program: Program) throws -> RankCommunicators? {
    if job.rankCount > 1 {
      let hash = hex(program.structuralHash)
      try RunAgreement([.init("the program of model, loss and optimizer", hash)])
        .check(job.control)
    }
    try strategy.check(program, rankCount: job.rankCount)
    guard job.rankCount > 1 else { return nil }
    let communicator = try transport.communicator(job.control)
    return try RankCommunicators(
      strategy.mesh, communicator, goBeside: links.workBeside)
  }

  private static func facts(
    _ strategy: Strategy, _ transport: CommunicationTransport, _ loader: any BatchLoader,
    _ origin: Checkpoint?, _ pretrained: (any PretrainedModel)?
  ) throws -> [RunAgreement.Fact] {
    let data = try "\(loader.examplesPerEpoch) examples, digest \(hex(loader.fingerprint()))"
    return [
      .init("the executable", executableDigest.map(hex) ?? "unknown"),
      .init("the strategy", "'\(strategy)'"), .init("communication", "'\(transport.rawValue)'"),
      .init("the data", data), .init("the batch", "\(loader.batchSize) examples"),
      .init("the checkpoint to resume from", origin.map(text) ?? "none"),
      .init("the weights to begin with", pretrained.map { hex($0.fingerprint) } ?? "none"),
    ]
  }

  /// Throws on all ranks unless they will run the same collectives in the same order.
  ///
  /// A plan depends on the processor, which may be another one on another host.
  package func check(_ plan: Plan) throws {
    try RunAgreement([.init("the order of collectives", hex(plan.collectiveDigest))])
      .check(job.control)
  }

  private static func text(_ checkpoint: Checkpoint) -> String {
    "that of step \(checkpoint.state.step), digest \(hex(checkpoint.fingerprint))"
  }

  /// The digest of the program's file: builds of another version have another one.
  private static var executableDigest: UInt64? {
    let data = try? Data(contentsOf: URL(filePath: "/proc/self/exe"), options: .mappedIfSafe)
    return data?.withUnsafeBytes { WordDigest.of(wordsIn: $0) }
  }
}

extension CommunicationTransport {
  /// How fast ranks reach one another, as far as that is known without measuring.
  package var links: Links {
    switch self {
    case .local, .sharedMemory: MachineTable.twoCores.links
    case .auto, .tcp, .ucx, .mpi, .mpiCollectives, .nccl: .network
    }
  }
}

extension Plan {
  /// Tells plans apart by their collectives: what is exchanged along which axes, in which memory.
  fileprivate var collectiveDigest: UInt64 {
    var hash = StableHash()
    for segment in segments {
      hash.add(segment.name.rawValue)
      for instruction in segment.instructions {
        guard let collective = instruction.operation as? any Collective else { continue }
        hash.add("\(collective.name) \(collective.axes) \(instruction.operandTypes)")
        // Origins do not tell gradients apart, but places do.
        for place in instruction.operands + instruction.results {
          hash.add("\(place.arena.rawValue) \(place.offsetBytes)")
        }
      }
    }
    return hash.value
  }
}

private func hex(_ digest: UInt64) -> String { String(digest, radix: 16) }
