/// A communicator that can sum with fewer bits between hosts.
public protocol CompressingCommunicator: Communicator {
  /// Combines float32 elements of all ranks, with fewer bits between the hosts.
  ///
  /// All ranks get the same bits. Within a host nothing is rounded.
  ///
  /// - Parameters:
  ///   - wire: how numbers travel.
  ///   - residual: as many float32 numbers as the source has, zeros at first, which the caller keeps from one call
  ///     to the next: what rounding loses is added to what travels the next time, so that
  ///     nothing is lost for ever. Each rank needs its own. Nil lets go of it.
  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    reduction: CollectiveReduction, wire: WireFormat, residual: UnsafeMutableRawBufferPointer?)
    throws
}
