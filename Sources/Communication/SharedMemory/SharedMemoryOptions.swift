import Glibc

/// What the shared-memory transport can be told.
public struct SharedMemoryOptions: Hashable, Sendable {
  /// Address space of each rank's segment, in bytes; memory is only taken for what is allocated.
  public var segmentBytes: Int
  /// Up to this size, in bytes, a rank copies a private source to where all read it.
  ///
  /// If that suits all ranks, they meet once. With more ranks than processors, where a meeting costs most,
  /// allocated sources are copied too.
  public var eagerBytes = 8192
  /// Up to this size a rank copies an allocated source in any case.
  public var alwaysEagerBytes = 1024
  /// Private buffers are copied in pieces of this many bytes.
  public var pieceBytes = 256 << 10
  /// In a large all-reduce the ranks take turns at parts of about this many bytes.
  public var shareBytes = 64 << 10
  /// How often a rank looks whether another has come before it lets others use the processor.
  public var spinCount = 20_000
  /// How often it lets others use the processor before it sleeps.
  public var yieldCount = 2000
  /// How long a rank waits for the others to come, in seconds.
  public var timeLimitSeconds = 600.0

  /// As much address space as the host has memory.
  public init() {
    let pages = max(1 << 18, sysconf(Int32(_SC_PHYS_PAGES)))
    segmentBytes = pages * 4096
  }
}
