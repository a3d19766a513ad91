/// Memory of a communicator for what is on its way; it grows, and is kept.
final class StagingMemory {
  private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 64)

  deinit { memory.deallocate() }

  /// The memory, of at least `byteCount` bytes; what it held before is lost when it grows.
  func take(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
    if memory.count < byteCount {
      memory.deallocate()
      memory = .allocate(byteCount: byteCount, alignment: 64)
    }
    return memory.part(0, byteCount)
  }
}
