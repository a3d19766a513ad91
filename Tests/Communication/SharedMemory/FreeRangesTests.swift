import DeepEPCommunication
import DeepEPCommunicationLaws
import Testing

/// What is taken does not overlap, and all of it comes back.
@Suite struct FreeRangesTests {
  @Test(arguments: 0..<20) func takenRangesAreApart(_ seed: Int) {
    var (numbers, free) = (Numbers(seed), FreeRanges(4096..<1 << 20))
    var taken: [Range<Int>] = []
    for _ in 0..<500 {
      let word = Int(numbers.next() >> 33)
      if word % 3 == 0, !taken.isEmpty {
        free.give(taken.remove(at: word / 3 % taken.count))
      } else if let range = free.take(word % 100_000) {
        #expect(range.count >= word % 100_000 && range.lowerBound % 4096 == 0)
        #expect(!taken.contains { $0.overlaps(range) }, "seed \(seed)")
        taken.append(range)
      }
    }
    for range in taken { free.give(range) }
    #expect(free.take((1 << 20) - 4096) == 4096..<1 << 20)
  }

  /// What is large begins where a huge page can; what lies before is for small ones.
  @Test func largePartsBeginAtHugePages() {
    var free = FreeRanges(4096..<16 << 20)
    let large = free.take((5 << 20) - 1)
    #expect(large == 2 << 20..<7 << 20)
    #expect(free.take(3 << 20) == 8 << 20..<11 << 20)
    #expect(free.take(1 << 20) == 4096..<4096 + (1 << 20))
    #expect(free.take(6 << 20) == nil)
    if let large { free.give(large) }
    #expect(free.take(6 << 20) == 2 << 20..<8 << 20)
  }
}
