import Glibc

/// Memory for collectives, where the transport wants it.
///
/// The memory is the owner's to share, as with any buffer; this object only frees it.
/// It stores constants, so that any thread may have it.
public final class CommunicationBuffer: @unchecked Sendable {
  /// The memory, which is valid as long as this object.
  ///
  /// Swift may let go of an object after its last use: keep it in a property, or use `withExtendedLifetime`.
  public let bytes: UnsafeMutableRawBufferPointer
  private let free: @Sendable (UnsafeMutableRawBufferPointer) -> Void

  /// Keeps memory, and frees it at the end.
  init(
    _ bytes: UnsafeMutableRawBufferPointer,
    free: @escaping @Sendable (UnsafeMutableRawBufferPointer) -> Void
  ) {
    (self.bytes, self.free) = (bytes, free)
  }

  /// Plain memory of this process.
  convenience init(byteCount: Int) {
    self.init(.allocate(byteCount: max(0, byteCount), alignment: 4096)) { $0.deallocate() }
  }

  deinit { free(bytes) }
}
