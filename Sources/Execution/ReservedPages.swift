import Glibc

/// Pages of this process alone, aligned to a huge page, given back when the object dies.
final class ReservedPages {
  /// The first byte.
  let start: UnsafeMutableRawPointer
  /// What is reserved of the address space: more, so that the start can be aligned.
  private let reserved: UnsafeMutableRawBufferPointer

  /// Reserves pages; nil if there are not as many.
  init?(_ byteCount: Int) {
    let reservedByteCount = byteCount + HugePages.byteCount
    let address = mmap(
      nil, reservedByteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else { return nil }
    reserved = UnsafeMutableRawBufferPointer(start: address, count: reservedByteCount)
    start = address.alignedUp(toMultipleOf: HugePages.byteCount)
  }

  deinit { munmap(reserved.baseAddress, reserved.count) }
}
