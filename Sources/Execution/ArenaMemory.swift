import Glibc

/// The memory behind an arena: zero at first, aligned to a page, given back when the object dies.
final class ArenaMemory {
  /// The first byte.
  let start: UnsafeMutableRawPointer
  private let byteCount: Int

  /// Reserves memory; pages are taken when they are first touched.
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
    madvise(address, self.byteCount, 14)  // MADV_HUGEPAGE: fewer misses in the page table
    start = address
  }

  deinit { munmap(start, byteCount) }
}
