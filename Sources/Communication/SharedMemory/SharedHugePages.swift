import DeepEPEvents
import Glibc
import Synchronization

/// Takes parts of a segment in huge pages, as long as those come faster than small ones.
///
/// Large collectives take 10 to 20 % less time in them. Linux gives files in memory small pages unless it is told
/// otherwise, but makes huge ones of them when asked, also of a few (since 6.1; where it does not, pages stay small).
/// Usually that is faster as well: 256 MiB in 14 ms instead of 57. But a virtual machine whose host has taken free
/// memory back gets each huge page after 5 ms, and 512 small ones in 0.5 ms.
final class SharedHugePages: Sendable {
  /// The size of a huge page, which begins at a multiple of it, in the file and in the address space.
  static let byteCount = 2 << 20

  fileprivate struct Tally {
    /// How long as many small pages took.
    var smallSeconds: Double?
    var count = 0
    var seconds = 0.0
    var isRefused = false
  }

  private let tally = Mutex(Tally())

  /// Takes the huge pages that lie in a part of a segment; what it leaves is the caller's to take.
  ///
  /// - Parameters:
  ///   - range: where the part lies in the segment.
  ///   - base: the address of the segment.
  func take(_ range: Range<Int>, of descriptor: Int32, at base: UnsafeMutableRawPointer) {
    let first = (range.lowerBound + Self.byteCount - 1) / Self.byteCount * Self.byteCount
    tally.withLock { tally in
      for start in stride(
        from: first, through: range.upperBound - Self.byteCount, by: Self.byteCount)
      {
        tally.take(start, of: descriptor, at: base)
      }
    }
  }
}

extension SharedHugePages.Tally {
  /// Takes one huge page, or, of the first of all, small ones, to know how long they take.
  fileprivate mutating func take(
    _ start: Int, of descriptor: Int32, at base: UnsafeMutableRawPointer
  ) {
    let size = SharedHugePages.byteCount
    let begin = Clock.seconds
    guard let smallSeconds else {
      posix_fallocate(descriptor, start, size)
      self.smallSeconds = Clock.seconds - begin
      return
    }
    guard !isRefused, seconds <= Double(count) * smallSeconds else { return }
    // One small page is there, of which a huge one is made: MADV_COLLAPSE of madvise(2).
    posix_fallocate(descriptor, start, FreeRanges.pageBytes)
    isRefused = madvise(base + start, size, 25) != 0
    count += 1
    seconds += Clock.seconds - begin
  }
}
