import DeepEPCommunication
import Dispatch

/// The memory behind an arena: zero at first, given back when the object dies.
///
/// Where ranks share memory, a whole arena is communication buffers: collectives work in it without copies, and no
/// value is in two places.
final class ArenaMemory {
  /// The first byte.
  let start: UnsafeMutableRawPointer
  /// What gives the memory back when it dies.
  private let owner: AnyObject

  /// Memory is taken in pieces of this size, a whole number of huge pages.
  private static let pieceByteCount = 64 << 20

  /// Reserves memory.
  ///
  /// - Parameter ranks: Who may see it; nil if there is nobody.
  /// - Throws: ``ExecutionError`` if there is not enough, and the communicator's errors.
  init(byteCount: Int, seenBy ranks: RankCommunicators? = nil) throws {
    let byteCount = max(byteCount, 64)
    if let ranks, ranks.all.sharesMemory {
      let buffer = try ranks.all.allocate(byteCount: byteCount)
      guard let first = buffer.bytes.baseAddress else { throw Self.shortage(byteCount) }
      (start, owner) = (first, buffer)
    } else {
      guard let pages = ReservedPages(byteCount) else { throw Self.shortage(byteCount) }
      (start, owner) = (pages.start, pages)
    }
    takePages(byteCount)
    // Memory too small for takePages() comes in huge pages; the system joins small pages of the rest later.
    HugePages.advise(start, byteCount)
  }

  private static func shortage(_ byteCount: Int) -> ExecutionError {
    ExecutionError(
      what: "\(byteCount >> 20) MiB of memory cannot be reserved", place: "arena",
      fix: "use a smaller batch or model, or a machine with more memory")
  }

  /// Lets the system clear the pages of a large arena now, on all cores, rather than each when a kernel
  /// first touches it.
  private func takePages(_ byteCount: Int) {
    let size = Self.pieceByteCount
    guard byteCount >= size else { return }
    let first = UInt(bitPattern: start)
    let pages = HugePages(sample: start)
    DispatchQueue.concurrentPerform(iterations: (byteCount + size - 1) / size) { piece in
      pages.take(first + UInt(piece * size), min(size, byteCount - piece * size))
    }
  }
}
