import DeepEPCommunication
import DeepEPElements

/// What a rank has after a case.
package struct CaseOutcome: Hashable, Sendable {
  package var bytes: [UInt8]
  /// Whether its source is as it was, and nobody has written beside its memory.
  package var isTidy: Bool
}

/// A case that a rank has begun, on its own thread or on a queue.
struct StartedCase {
  private let own: [UInt8]
  private let source: Memory
  private let destination: Memory
  private let handles: [CommunicationHandle]

  /// - Parameter queue: who does it instead of this thread.
  init(
    _ subject: CollectiveCase, on group: any Communicator, _ queue: CommunicationQueue?
  ) throws {
    let (rank, ranks) = (group.rank, group.rankCount)
    let offsets = Self.offsets(subject.alignment, rank)
    let all = subject.source(of: rank, ranks)
    own =
      subject.kind == .unevenAllToAll ? Array(all[..<subject.uneven(ranks).sourceCount(rank)]) : all
    source = try Memory(own, subject.place, offset: offsets.source, group)
    let isSame = subject.isInPlace || subject.kind == .broadcast
    destination =
      isSame
      ? source
      : try Memory(
        Memory.filling(subject.destinationBytes(rank, ranks)), subject.place,
        offset: offsets.destination, group)
    let operations = Self.operations(subject, source.constant, destination.mutable, rank, ranks)
    handles = try withExtendedLifetime((source, destination)) {
      if let queue { return operations.map { queue.start($0) } }
      for operation in operations { try operation.run(on: group) }
      return []
    }
  }

  private static func offsets(_ alignment: CollectiveCase.Alignment, _ rank: Int) -> (
    source: Int, destination: Int
  ) {
    switch alignment {
    case .aligned: (0, 0)
    case .odd: (1, 3)
    case .mixed: (rank % 4, (3 * rank + 2) % 8)
    }
  }

  /// Waits until it is over.
  ///
  /// - Throws: its error, when nobody uses the memory any more.
  func wait() throws {
    let outcomes = handles.map { handle in Result { try handle.wait() } }
    for outcome in outcomes { try outcome.get() }
  }

  /// What the rank has then.
  var outcome: CaseOutcome {
    let isKept = source === destination || source.bytes == own
    return CaseOutcome(
      bytes: destination.bytes,
      isTidy: isKept && source.isBorderKept && destination.isBorderKept)
  }

  private static func operations(
    _ subject: CollectiveCase, _ from: UnsafeRawBufferPointer,
    _ to: UnsafeMutableRawBufferPointer, _ rank: Int, _ ranks: Int
  ) -> [CommunicationOperation] {
    let (element, reduction) = (subject.element, subject.reduction ?? .sum)
    let outer = subject.outerCount
    switch subject.kind {
    case .allReduce: return [.allReduce(from, into: to, element: element, reduction: reduction)]
    case .reduceScatter:
      return [
        .reduceScatter(from, into: to, element: element, reduction: reduction, outerCount: outer)
      ]
    case .allGather: return [.allGather(from, into: to, outerCount: outer)]
    case .broadcast: return [.broadcast(to, root: subject.root % ranks)]
    case .allToAll: return [.allToAll(from, into: to)]
    case .unevenAllToAll:
      let counts = subject.uneven(ranks).counts
      let taken = counts.map { $0[rank] }
      return [.unevenAllToAll(from, counts: counts[rank], into: to, destinationCounts: taken)]
    case .messages: return messages(from, to, rank, ranks)
    case .barrier: return [.barrier]
    }
  }

  /// The first rank sends before it receives, so that the others can.
  private static func messages(
    _ from: UnsafeRawBufferPointer, _ to: UnsafeMutableRawBufferPointer, _ rank: Int, _ ranks: Int
  ) -> [CommunicationOperation] {
    guard ranks > 1 else {
      to.copyMemory(from: from)
      return []
    }
    let send = CommunicationOperation.send(from, to: (rank + 1) % ranks)
    let receive = CommunicationOperation.receive(to, from: (rank + ranks - 1) % ranks)
    return rank == 0 ? [send, receive] : [receive, send]
  }
}
