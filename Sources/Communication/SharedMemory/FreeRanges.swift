/// The free parts of a segment, in pages, ascending; no two of them touch.
package struct FreeRanges {
  package static var pageBytes: Int { 4096 }

  private var ranges: [Range<Int>]

  /// All of `range` is free.
  package init(_ range: Range<Int>) { ranges = [range] }

  /// Takes the first free part that is large enough.
  ///
  /// - Returns: whole pages, from the start of a huge page if one fits in; nil if no part is large enough.
  package mutating func take(_ byteCount: Int) -> Range<Int>? {
    guard byteCount >= 0, byteCount <= Int.max - Self.pageBytes else { return nil }
    let size = max(1, (byteCount + Self.pageBytes - 1) / Self.pageBytes) * Self.pageBytes
    let unit = size < SharedHugePages.byteCount ? Self.pageBytes : SharedHugePages.byteCount
    let start = { (free: Range<Int>) in (free.lowerBound + unit - 1) / unit * unit }
    guard let index = ranges.firstIndex(where: { $0.upperBound - start($0) >= size }) else {
      return nil
    }
    let (free, taken) = (ranges[index], start(ranges[index])..<start(ranges[index]) + size)
    let rest = [free.lowerBound..<taken.lowerBound, taken.upperBound..<free.upperBound]
    ranges.replaceSubrange(index...index, with: rest.filter { !$0.isEmpty })
    return taken
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
