/// Memory of a communicator for what is on its way; it grows, and is kept.
// Touched by one thread at a time, as the communicator that has it.
final class StagingMemory: @unchecked Sendable {
  private let allocate: (Int) throws -> CommunicationBuffer
  private var buffer: CommunicationBuffer

  /// Makes it of plain memory.
  init() {
    allocate = { CommunicationBuffer(byteCount: $0) }
    buffer = CommunicationBuffer(byteCount: 0)
  }

  /// Makes it of the memory that a communicator likes best.
  init(of communicator: any Communicator) {
    allocate = { try communicator.allocate(byteCount: $0) }
    buffer = CommunicationBuffer(byteCount: 0)
  }

  /// The memory, of at least `byteCount` bytes; what it held before is lost when it grows.
  ///
  /// - Throws: ``CommunicationError`` if there is not as much.
  func take(_ byteCount: Int) throws -> UnsafeMutableRawBufferPointer {
    if buffer.bytes.count < byteCount { buffer = try allocate(byteCount) }
    return buffer.bytes.part(0, byteCount)
  }
}
