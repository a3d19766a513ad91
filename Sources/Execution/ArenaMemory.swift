import Dispatch
import Glibc

/// The memory behind an arena: zero at first, aligned to a huge page, given back when the object dies.
final class ArenaMemory {
  /// The first byte.
  let start: UnsafeMutableRawPointer
  /// What is reserved of the address space: more, so that the start can be aligned.
  private let reserved: UnsafeMutableRawBufferPointer

  /// Memory is taken in pieces of this size, a whole number of huge pages.
  private static let pieceByteCount = 64 << 20

  /// Reserves memory.
  ///
  /// - Throws: ``ExecutionError`` if there is not enough.
  init(byteCount: Int) throws {
    let byteCount = max(byteCount, 64)
    let reservedByteCount = byteCount + HugePages.byteCount
    let address = mmap(
      nil, reservedByteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else {
      throw ExecutionError(
        what: "\(byteCount >> 20) MiB of memory cannot be reserved", place: "arena",
        fix: "use a smaller batch or model, or a machine with more memory")
    }
    reserved = UnsafeMutableRawBufferPointer(start: address, count: reservedByteCount)
    start = address.alignedUp(toMultipleOf: HugePages.byteCount)
    takePages(byteCount)
    // Memory too small for takePages() comes in huge pages; the system joins small pages of the rest later.
    HugePages.advise(start, byteCount)
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

  deinit { munmap(reserved.baseAddress, reserved.count) }
}
