/// Where the elements of a rank's block lie in the whole, which is [outer, rank count, inner].
///
/// A block is [outer, inner], and its elements are numbered through.
struct BlockPlaces {
  let outerCount: Int
  let rankCount: Int
  /// Elements of the innermost dimension.
  let innerCount: Int

  /// Describes the blocks of a whole that are `blockCount` elements each.
  init(outerCount: Int, rankCount: Int, blockCount: Int) {
    (self.outerCount, self.rankCount) = (outerCount, rankCount)
    innerCount = outerCount > 0 ? blockCount / outerCount : 0
  }

  /// Elements that follow one another both in a block and in the whole.
  struct Run {
    /// Where they begin in the block, counted from the start of the range.
    var offset: Int
    /// Where they begin in the whole.
    var place: Int
    var count: Int
  }

  /// The runs that make up some elements of a rank's block.
  func forEachRun(of range: Range<Int>, rank: Int, _ body: (Run) throws -> Void) rethrows {
    guard innerCount > 0 else { return }
    var start = range.lowerBound
    while start < range.upperBound {
      let (outer, inner) = start.quotientAndRemainder(dividingBy: innerCount)
      let count = min(innerCount - inner, range.upperBound - start)
      let place = (outer * rankCount + rank) * innerCount + inner
      try body(Run(offset: start - range.lowerBound, place: place, count: count))
      start += count
    }
  }
}
