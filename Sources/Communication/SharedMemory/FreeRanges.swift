/// The free parts of a segment, in pages, ascending; no two of them touch.
package struct FreeRanges {
  package static var pageBytes: Int { 4096 }

  private var ranges: [Range<Int>]

  /// All of `range` is free.
  package init(_ range: Range<Int>) { ranges = [range] }

  /// Takes the first free part that is large enough.
  ///
  /// - Returns: whole pages; nil if no part is large enough.
  package mutating func take(_ byteCount: Int) -> Range<Int>? {
    guard byteCount >= 0, byteCount <= Int.max - Self.pageBytes else { return nil }
    let size = max(1, (byteCount + Self.pageBytes - 1) / Self.pageBytes) * Self.pageBytes
    guard let index = ranges.firstIndex(where: { $0.count >= size }) else { return nil }
    let start = ranges[index].lowerBound
    ranges[index] = start + size..<ranges[index].upperBound
    if ranges[index].isEmpty { ranges.remove(at: index) }
    return start..<start + size
  }

  /// Gives a part back that was taken.
  package mutating func give(_ range: Range<Int>) {
    let index = ranges.firstIndex { $0.lowerBound > range.lowerBound } ?? ranges.count
    ranges.insert(range, at: index)
    join(index)
    if index > 0 { join(index - 1) }
  }

  private mutating func join(_ index: Int) {
    guard index + 1 < ranges.count, ranges[index].upperBound == ranges[index + 1].lowerBound else {
      return
    }
    ranges[index] = ranges[index].lowerBound..<ranges[index + 1].upperBound
    ranges.remove(at: index + 1)
  }
}
