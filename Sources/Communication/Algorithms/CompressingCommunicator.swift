/// A communicator that can sum with fewer bits between hosts.
public protocol CompressingCommunicator: Communicator {
  /// Combines float32 elements of all ranks, with fewer bits between the hosts.
  ///
  /// All ranks get the same bits. Within a host nothing is rounded. Numbers are rounded twice: where they leave a
  /// host, and where the complete result leaves the host that has combined it.
  ///
  /// - Parameters:
  ///   - wire: how numbers travel.
  ///   - residual: as many float32 numbers as the source has, zeros at first, which the caller keeps from one call
  ///     to the next: what rounding loses is added to what travels the next time, so that nothing is lost
  ///     for ever. The sum of all results of some calls, and of the residuals that all ranks are left with, is the
  ///     sum of all sources. Each rank needs its own, for buffers of one size and one reduction. Nil
  ///     lets go of what is lost.
  /// - Throws: ``CommunicationError`` also if the residual has another size, or the reduction is
  ///   no sum and no mean.
  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    reduction: CollectiveReduction, wire: WireFormat, residual: UnsafeMutableRawBufferPointer?)
    throws

  /// Combines float32 elements of all ranks, with fewer bits between the hosts; each rank gets its block.
  ///
  /// As `reduceScatter` of ``Communicator``, and with formats and residuals as in the all-reduce above, but numbers
  /// are rounded once: where they leave a host.
  func reduceScatter(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    reduction: CollectiveReduction, outerCount: Int, wire: WireFormat,
    residual: UnsafeMutableRawBufferPointer?) throws
}

extension Communicator {
  /// Combines float32 elements of all ranks, with fewer bits between hosts where there are several.
  ///
  /// As ``CompressingCommunicator`` does, on communicators that are one; on others nothing is
  /// rounded, and the residual stays as it is.
  public func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    reduction: CollectiveReduction, wire: WireFormat, residual: UnsafeMutableRawBufferPointer?
  ) throws {
    guard let compressing = self as? any CompressingCommunicator else {
      return try allReduce(source, into: destination, element: .float32, reduction: reduction)
    }
    try compressing.allReduce(
      source, into: destination, reduction: reduction, wire: wire, residual: residual)
  }

  /// Combines float32 elements of all ranks, with fewer bits between hosts where there are several; each rank gets
  /// its block.
  ///
  /// As ``CompressingCommunicator`` does, on communicators that are one; on others nothing is
  /// rounded, and the residual stays as it is.
  public func reduceScatter(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    reduction: CollectiveReduction, outerCount: Int, wire: WireFormat,
    residual: UnsafeMutableRawBufferPointer?
  ) throws {
    guard let compressing = self as? any CompressingCommunicator else {
      return try reduceScatter(
        source, into: destination, element: .float32, reduction: reduction,
        outerCount: outerCount)
    }
    try compressing.reduceScatter(
      source, into: destination, reduction: reduction, outerCount: outerCount, wire: wire,
      residual: residual)
  }
}
