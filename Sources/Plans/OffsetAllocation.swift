/// Something that needs memory from one instruction to another.
struct Lifetime: Hashable {
  var byteCount: Int
  /// The instructions during which the memory is in use, both included.
  var range: ClosedRange<Int>
}

/// Finds offsets for lifetimes such that none overlap in time and memory.
///
/// Largest first, each into the tightest gap between those already placed that live at the same time
/// (Pisarchyk, Lee: Efficient Memory Management for Deep Neural Net Inference, 2020, section 5.2).
struct OffsetAllocation {
  /// The offset of each lifetime; multiples of the alignment.
  private(set) var offsets: [Int]
  /// The end of the highest one.
  private(set) var byteCount = 0

  /// The alignment of every offset: a cache line and the widest vector.
  static let alignment = 64

  init(_ lifetimes: [Lifetime]) {
    offsets = Array(repeating: 0, count: lifetimes.count)
    let order = lifetimes.indices.sorted {
      (lifetimes[$1].byteCount, $0) < (lifetimes[$0].byteCount, $1)
    }
    var placed: [Int] = []
    for index in order {
      let lifetime = lifetimes[index]
      let busy = placed.filter { lifetimes[$0].range.overlaps(lifetime.range) }.map {
        offsets[$0]..<offsets[$0] + Self.aligned(lifetimes[$0].byteCount)
      }
      offsets[index] = Self.gap(Self.aligned(lifetime.byteCount), in: busy)
      byteCount = max(byteCount, offsets[index] + Self.aligned(lifetime.byteCount))
      placed.append(index)
    }
  }

  static func aligned(_ byteCount: Int) -> Int {
    (byteCount + alignment - 1) / alignment * alignment
  }

  /// The start of the smallest gap that is large enough; the end if there is none.
  private static func gap(_ byteCount: Int, in busy: [Range<Int>]) -> Int {
    var (best, bestSize, end) = (nil as Int?, Int.max, 0)
    for range in busy.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      let size = range.lowerBound - end
      if size >= byteCount, size < bestSize { (best, bestSize) = (end, size) }
      end = max(end, range.upperBound)
    }
    return best ?? end
  }
}
