import Glibc

/// What the shared-memory transport can be told.
public struct SharedMemoryOptions: Hashable, Sendable {
  /// Address space of each rank's segment, in bytes; memory is only taken for what is allocated.
  public var segmentBytes: Int
  /// Address space for the segments of all ranks, in bytes: each of them maps them all.
  ///
  /// Processes have 128 TiB of it. With many ranks on a large host segments are smaller than its memory.
  public var addressBytes = 8 << 40
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
  ///
  /// Where parts meet, a processor fetches ahead into what another one is writing: small parts cost half of the speed.
  public var shareBytes = 1 << 20
  /// Ranks that read one another's large buffers go from rank to rank after this many bytes: then they read
  /// the same bytes at about the same time.
  public var turnBytes = 128 << 10
  /// How often a rank looks whether another has come before it lets others use the processor.
  public var spinCount = 20_000
  /// How often it lets others use the processor before it sleeps.
  public var yieldCount = 2000
  /// How long a rank waits for the others to come, in seconds.
  public var timeLimitSeconds = 600.0

  /// As much address space as the host has memory.
  public init() {
    let pages = max(1 << 18, sysconf(Int32(_SC_PHYS_PAGES)))
    segmentBytes = pages * FreeRanges.pageBytes
  }

  /// The bytes of a segment if some ranks have one each, in whole pages.
  package func segmentBytes(rankCount: Int) -> Int {
    let share = addressBytes / max(1, rankCount)
    return max(2, min(segmentBytes, share) / FreeRanges.pageBytes) * FreeRanges.pageBytes
  }

  /// What all ranks of an arena must agree on, as bytes for an exchange.
  var agreement: [UInt8] {
    var writer = FrameWriter()
    for bytes in [eagerBytes, pieceBytes, shareBytes] { writer.put(bytes) }
    return writer.bytes
  }
}
