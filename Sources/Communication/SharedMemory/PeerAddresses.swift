/// Where this process sees the buffers of all ranks of a group in the operation that goes on.
///
/// Kept from operation to operation, so that small ones allocate nothing.
// Written and read by one thread at a time: the one that is in an operation of the group.
final class PeerAddresses: @unchecked Sendable {
  private let sourceTable: UnsafeMutableBufferPointer<UnsafeRawPointer>
  private let destinationTable: UnsafeMutableBufferPointer<UnsafeMutableRawPointer>

  /// The sources of all ranks, as far as they have been set.
  var sources: UnsafeBufferPointer<UnsafeRawPointer> { UnsafeBufferPointer(sourceTable) }
  /// The destinations of all ranks, as far as they have been set.
  var destinations: UnsafeBufferPointer<UnsafeMutableRawPointer> {
    UnsafeBufferPointer(destinationTable)
  }

  /// Makes a table for some ranks, all of which are at one place until they are set.
  init(rankCount: Int, at place: UnsafeMutableRawPointer) {
    sourceTable = .allocate(capacity: rankCount)
    sourceTable.initialize(repeating: UnsafeRawPointer(place))
    destinationTable = .allocate(capacity: rankCount)
    destinationTable.initialize(repeating: place)
  }

  deinit {
    sourceTable.deallocate()
    destinationTable.deallocate()
  }

  func setSource(_ rank: Int, _ address: UnsafeRawPointer) { sourceTable[rank] = address }

  func setDestination(_ rank: Int, _ address: UnsafeMutableRawPointer) {
    destinationTable[rank] = address
  }
}
