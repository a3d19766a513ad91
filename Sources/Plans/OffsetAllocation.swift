import DeepEPTensors
import DeepEPTransforms

/// Something that needs memory from one instruction to another.
struct Lifetime: Hashable {
  var byteCount: Int
  /// The instructions during which the memory is in use, both included.
  var range: ClosedRange<Int>
}

extension [Lifetime] {
  /// The most bytes that are in use at once: no offsets need less.
  var mostAlive: Int {
    let changes = flatMap { lifetime in
      let bytes = OffsetAllocation.aligned(lifetime.byteCount)
      return [(lifetime.range.lowerBound, bytes), (lifetime.range.upperBound + 1, -bytes)]
    }
    // At one instruction first those that are over.
    var (alive, most) = (0, 0)
    for (_, bytes) in changes.sorted(by: { $0 < $1 }) {
      alive += bytes
      most = Swift.max(most, alive)
    }
    return most
  }
}

/// Finds offsets for lifetimes such that none overlap in time and memory.
///
/// One after the other each gets a gap between those already placed that live at the same time
/// (Pisarchyk, Lee: Efficient Memory Management for Deep Neural Net Inference, 2020, section 5). Where
/// that takes more than is in use at once, they are placed in the order of time (``BeamAllocation``); and
/// if that fails, those that ended up too high are placed earlier, by a sequence of fixed pseudo-random
/// choices, as long as it does not get worse.
struct OffsetAllocation {
  /// The offset of each lifetime; multiples of the alignment.
  private(set) var offsets: [Int]
  /// The end of the highest one.
  private(set) var byteCount = 0
  /// The order in which lifetimes were placed.
  private var order: [Int]
  private var gaps = Gaps.tightest

  /// Which gap a lifetime gets.
  private enum Gaps: CaseIterable {
    case tightest, lowest
  }

  /// The number of possibilities that are followed in the order of time.
  private static let beamWidth = 12
  /// The most pairs of lifetimes that are compared to improve offsets: a hundredth of a second or two.
  private static let comparisonLimit = 10_000_000

  init(_ lifetimes: [Lifetime]) {
    let bound = lifetimes.mostAlive
    let orders = [
      lifetimes.places { ($0.byteCount, 0) },
      lifetimes.places { ($0.byteCount * $0.range.count, 0) },
      lifetimes.places { (-$0.range.lowerBound, $0.byteCount) },
    ]
    var best = OffsetAllocation(lifetimes, orders[0], .tightest)
    for order in orders where best.byteCount > bound {
      for gaps in Gaps.allCases where best.byteCount > bound {
        let other = OffsetAllocation(lifetimes, order, gaps)
        if other.byteCount < best.byteCount { best = other }
      }
    }
    // A little more than the bound leaves room for holes beside small lifetimes. What is hard in the order
    // of time may be easy from its end.
    for percent in 0...3 {
      for ordered in [lifetimes, lifetimes.reversedInTime] {
        let limit = Self.aligned(bound + bound / 100 * percent)
        guard best.byteCount > limit else { break }
        var beam = BeamAllocation(ordered, below: limit, width: Self.beamWidth)
        guard let offsets = beam.offsets() else { continue }
        best.offsets = offsets
        best.byteCount = lifetimes.indices.map { best.end($0, lifetimes) }.max() ?? 0
      }
    }
    best.improve(lifetimes, bound)
    self = best
  }

  /// Places lifetimes in an order.
  private init(_ lifetimes: [Lifetime], _ order: [Int], _ gaps: Gaps) {
    (self.order, self.gaps) = (order, gaps)
    offsets = Array(repeating: 0, count: lifetimes.count)
    // By offset.
    var placed: [Int] = []
    placed.reserveCapacity(order.count)
    for index in order {
      let size = Self.aligned(lifetimes[index].byteCount)
      offsets[index] = gap(size, lifetimes[index].range, placed, lifetimes)
      byteCount = max(byteCount, offsets[index] + size)
      let next = placed.firstIndex { offsets[$0] > offsets[index] } ?? placed.count
      placed.insert(index, at: next)
    }
  }

  static func aligned(_ byteCount: Int) -> Int { Alignment.rounded(byteCount) }

  /// The start of a gap that is large enough; the end if there is none.
  private func gap(
    _ byteCount: Int, _ range: ClosedRange<Int>, _ placed: [Int], _ lifetimes: [Lifetime]
  ) -> Int {
    var (best, bestSize, end) = (nil as Int?, Int.max, 0)
    for other in placed where lifetimes[other].range.overlaps(range) {
      let size = offsets[other] - end
      if size >= byteCount, size < bestSize {
        if gaps == .lowest { return end }
        (best, bestSize) = (end, size)
      }
      end = max(end, offsets[other] + Self.aligned(lifetimes[other].byteCount))
    }
    return best ?? end
  }

  // MARK: Improvement

  private mutating func improve(_ lifetimes: [Lifetime], _ bound: Int) {
    guard byteCount > bound + bound / 100 else { return }
    var draw = 0
    let below = { (count: Int) -> Int in
      draw += 1
      return Int(Random.word(1, Int64(draw)) >> 33) % count
    }
    let rounds = min(1000, Self.comparisonLimit / max(1, order.count * order.count))
    for _ in 0..<rounds where byteCount > bound {
      let high = order.indices.filter { end(order[$0], lifetimes) > bound }
      let from = below(4) > 0 ? high[below(high.count)] : below(order.count)
      var other = order
      other.insert(other.remove(at: from), at: below(from + 1))
      let tried = OffsetAllocation(lifetimes, other, gaps)
      if tried.byteCount <= byteCount { self = tried }
    }
  }

  private func end(_ index: Int, _ lifetimes: [Lifetime]) -> Int {
    offsets[index] + Self.aligned(lifetimes[index].byteCount)
  }
}

extension [Lifetime] {
  /// The same lifetimes, the last instruction first.
  fileprivate var reversedInTime: [Lifetime] {
    map { Lifetime(byteCount: $0.byteCount, range: -$0.range.upperBound ... -$0.range.lowerBound) }
  }

  /// The places of lifetimes that are not empty, those with the highest score first, in a tie in their order.
  fileprivate func places(by score: (Lifetime) -> (Int, Int)) -> [Int] {
    let scores = map(score)
    return indices.filter { self[$0].byteCount > 0 }.sorted {
      (scores[$1], $0) < (scores[$0], $1)
    }
  }
}

/// Orders pairs first by the score, then by the place.
private func < (x: ((Int, Int), Int), y: ((Int, Int), Int)) -> Bool {
  x.0 == y.0 ? x.1 < y.1 : x.0 < y.0
}
