import DeepEPElements

/// One operation of a ``Communicator``, to be started on a ``CommunicationQueue``.
///
/// The memory must stay, and nobody may touch what the operation writes or change what it reads, until
/// its handle says that it is over.
///
/// The addresses are only used by the queue's thread, while the caller leaves the memory alone.
public enum CommunicationOperation: @unchecked Sendable {
  case allReduce(
    UnsafeRawBufferPointer, into: UnsafeMutableRawBufferPointer, element: ElementType,
    reduction: CollectiveReduction)
  /// An all-reduce of float32 elements with fewer bits between hosts; see ``CompressingCommunicator``.
  case compressedAllReduce(
    UnsafeRawBufferPointer, into: UnsafeMutableRawBufferPointer, reduction: CollectiveReduction,
    wire: WireFormat, residual: UnsafeMutableRawBufferPointer?)
  case reduceScatter(
    UnsafeRawBufferPointer, into: UnsafeMutableRawBufferPointer, element: ElementType,
    reduction: CollectiveReduction, outerCount: Int)
  /// A reduce-scatter of float32 elements with fewer bits between hosts; see ``CompressingCommunicator``.
  case compressedReduceScatter(
    UnsafeRawBufferPointer, into: UnsafeMutableRawBufferPointer, reduction: CollectiveReduction,
    outerCount: Int, wire: WireFormat, residual: UnsafeMutableRawBufferPointer?)
  case allGather(
    UnsafeRawBufferPointer, into: UnsafeMutableRawBufferPointer, outerCount: Int)
  case allToAll(UnsafeRawBufferPointer, into: UnsafeMutableRawBufferPointer)
  case unevenAllToAll(
    UnsafeRawBufferPointer, counts: [Int], into: UnsafeMutableRawBufferPointer,
    destinationCounts: [Int])
  case broadcast(UnsafeMutableRawBufferPointer, root: Int)
  case send(UnsafeRawBufferPointer, to: Int)
  case receive(UnsafeMutableRawBufferPointer, from: Int)
  case barrier

  /// Calls the operation, and returns when it is over.
  package func run(on communicator: any Communicator) throws {
    switch self {
    case .allReduce(let source, let destination, let element, let reduction):
      try communicator.allReduce(
        source, into: destination, element: element, reduction: reduction)
    case .compressedAllReduce(
      let source, let destination, let reduction, let wire, let residual):
      try communicator.allReduce(
        source, into: destination, reduction: reduction, wire: wire, residual: residual)
    case .reduceScatter(let source, let destination, let element, let reduction, let outerCount):
      try communicator.reduceScatter(
        source, into: destination, element: element, reduction: reduction, outerCount: outerCount)
    case .compressedReduceScatter(
      let source, let destination, let reduction, let outerCount, let wire, let residual):
      try communicator.reduceScatter(
        source, into: destination, reduction: reduction, outerCount: outerCount, wire: wire,
        residual: residual)
    case .allGather(let source, let destination, let outerCount):
      try communicator.allGather(source, into: destination, outerCount: outerCount)
    case .allToAll(let source, let destination):
      try communicator.allToAll(source, into: destination)
    case .unevenAllToAll(let source, let counts, let destination, let destinationCounts):
      try communicator.allToAll(
        source, counts: counts, into: destination, counts: destinationCounts)
    case .broadcast(let buffer, let root): try communicator.broadcast(buffer, root: root)
    case .send(let source, let rank): try communicator.send(source, to: rank)
    case .receive(let destination, let rank):
      try communicator.receive(into: destination, from: rank)
    case .barrier: try communicator.barrier()
    }
  }
}
