/// Finds offsets in the order of time, a few possibilities side by side.
///
/// Every lifetime is put at the lower or upper end of a gap. Of the memories that may result, those go on
/// that have the largest gap. So it solves what placing the largest first cannot: layers that are alike,
/// and change places.
struct BeamAllocation {
  /// A lifetime at its place.
  private struct Placed {
    let index: Int
    let offset: Int
    let end: Int

    /// A number for it: those of all that is alive tell memories apart (Zobrist: A New Hashing Method
    /// with Application for Game Playing, 1970).
    var key: UInt64 {
      var z = UInt64(index) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(offset) &* 0xD1B5_4A32_D192_ED03
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// The memory at some time.
  private struct Memory {
    /// Who is alive, by offset.
    var alive: [Placed] = []
    /// The last step that led there.
    var step = -1
    var largestGap = 0
  }

  private let lifetimes: [Lifetime]
  private let limit: Int
  private let width: Int
  /// Who was placed, and the step before.
  private var steps: [(placed: Placed, previous: Int)] = []
  /// How many more places are looked at: of many lifetimes that live long, fewer possibilities.
  private var remainingWork = 50_000_000

  /// - Parameters:
  ///   - limit: What no lifetime may exceed.
  ///   - width: The number of possibilities.
  init(_ lifetimes: [Lifetime], below limit: Int, width: Int) {
    (self.lifetimes, self.limit, self.width) = (lifetimes, limit, width)
  }

  /// The offset of each lifetime; nil if they do not fit in any of the ways that were tried, or if there
  /// are too many of them to try.
  mutating func offsets() -> [Int]? {
    let order = lifetimes.indices.filter { lifetimes[$0].byteCount > 0 }.sorted {
      let (x, y) = (lifetimes[$0], lifetimes[$1])
      return (x.range.lowerBound, -x.byteCount, $0) < (y.range.lowerBound, -y.byteCount, $1)
    }
    var memories = [Memory()]
    for index in order {
      memories = placed(index, memories)
      if memories.isEmpty { return nil }
    }
    var offsets = Array(repeating: 0, count: lifetimes.count)
    var step = memories[0].step
    while step >= 0 {
      offsets[steps[step].placed.index] = steps[step].placed.offset
      step = steps[step].previous
    }
    return offsets
  }

  private mutating func placed(_ index: Int, _ memories: [Memory]) -> [Memory] {
    let size = OffsetAllocation.aligned(lifetimes[index].byteCount)
    let start = lifetimes[index].range.lowerBound
    var seen: Set<UInt64> = []
    var next: [Memory] = []
    for memory in memories {
      let alive = memory.alive.filter { lifetimes[$0.index].range.upperBound >= start }
      let key = alive.reduce(0) { $0 ^ $1.key }
      remainingWork -= alive.count
      for offset in places(of: size, alive) {
        let new = Placed(index: index, offset: offset, end: offset + size)
        guard seen.insert(key ^ new.key).inserted else { continue }
        remainingWork -= alive.count
        var all = alive
        all.insert(new, at: all.firstIndex { $0.offset > offset } ?? all.count)
        steps.append((new, memory.step))
        let largest = gaps(all).map(\.count).max() ?? 0
        next.append(Memory(alive: all, step: steps.count - 1, largestGap: largest))
      }
    }
    if remainingWork < 0 { return [] }
    next.sort { ($1.largestGap, $0.step) < ($0.largestGap, $1.step) }
    return Array(next.prefix(width))
  }

  private func places(of size: Int, _ alive: [Placed]) -> [Int] {
    gaps(alive).filter { $0.count >= size }.flatMap {
      $0.count == size ? [$0.lowerBound] : [$0.lowerBound, $0.upperBound - size]
    }
  }

  private func gaps(_ alive: [Placed]) -> [Range<Int>] {
    let starts = [0] + alive.map(\.end)
    let ends = alive.map(\.offset) + [limit]
    return zip(starts, ends).filter { $0 < $1 }.map { $0..<$1 }
  }
}
