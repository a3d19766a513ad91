import Dispatch
import Glibc

/// The memory behind an arena: zero at first, aligned to a page, given back when the object dies.
final class ArenaMemory {
  /// The first byte.
  let start: UnsafeMutableRawPointer
  private let byteCount: Int

  /// Memory is taken in pieces of this size, a whole number of huge pages.
  private static let pieceByteCount = 64 << 20

  /// Reserves memory.
  ///
  /// - Throws: ``ExecutionError`` if there is not enough.
  init(byteCount: Int) throws {
    self.byteCount = max(byteCount, 64)
    let address = mmap(
      nil, self.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else {
      throw ExecutionError(
        what: "\(byteCount >> 20) MiB of memory cannot be reserved", place: "arena",
        fix: "use a smaller batch or model, or a machine with more memory")
    }
    start = address
    takePages()
    // MADV_HUGEPAGE, only now: memory too small for takePages() comes in huge pages, the system joins the
    // pages of the rest later. To take two gigabytes in huge pages at once took 2.3 s where small ones
    // took 0.55 s, in a virtual machine whose host had taken them back, and steps were no faster.
    madvise(address, self.byteCount, 14)
  }

  /// Lets the system clear the pages of a large arena now, on all cores, rather than each when a kernel
  /// first touches it.
  ///
  /// Systems that cannot (Linux before 5.14) do it then.
  private func takePages() {
    let (first, size, byteCount) = (UInt(bitPattern: start), Self.pieceByteCount, byteCount)
    let populateWrite: Int32 = 23  // MADV_POPULATE_WRITE
    let count = byteCount < size ? 0 : (byteCount + size - 1) / size
    DispatchQueue.concurrentPerform(iterations: count) { piece in
      let address = UnsafeMutableRawPointer(bitPattern: first + UInt(piece * size))
      madvise(address, min(size, byteCount - piece * size), populateWrite)
    }
  }

  deinit { munmap(start, byteCount) }
}
