import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements

/// Sums of two at a time, in an order that a test chooses, as plain loops over bytes.
///
/// What is incomplete is kept in float32 for narrower floats, and rounded once.
struct OrderedSum {
  let element: ElementType
  let reduction: CollectiveReduction

  private var wide: ElementType {
    element.isFloatingPoint && element.byteCount < 4 ? .float32 : element
  }

  private func numbers(_ bytes: [UInt8], _ type: ElementType) -> [UInt64] {
    let width = type.byteCount
    return (0..<bytes.count / width).map { index in
      (0..<width).reduce(UInt64(0)) { $0 | UInt64(bytes[index * width + $1]) << (8 * $1) }
    }
  }

  private func bytes(_ words: [UInt64], _ type: ElementType) -> [UInt8] {
    words.flatMap { word in
      (0..<type.byteCount).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
  }

  /// A rank's elements, incomplete.
  func widened(_ source: [UInt8]) -> [UInt8] {
    guard wide != element else { return source }
    return bytes(numbers(source, element).map { wide.bits(element.number(bits: $0)) }, wide)
  }

  /// Combines two incomplete results.
  func combined(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
    Serial.reduced([left, right], wide, reduction == .mean ? .sum : reduction)
  }

  /// Combines incomplete results from left to right.
  func combined(_ all: [[UInt8]]) -> [UInt8] {
    all.dropFirst().reduce(all[0]) { combined($0, $1) }
  }

  /// The result of all ranks.
  func finished(_ partial: [UInt8], rankCount: Int) -> [UInt8] {
    guard wide != element || reduction == .mean else { return partial }
    let results = numbers(partial, wide).map { word in
      var number = wide.number(bits: word)
      if reduction == .mean {
        number =
          wide == .float64
          ? number / Double(rankCount) : Double(Float(number) / Float(rankCount))
      }
      return element.bits(element.rounded(number))
    }
    return bytes(results, element)
  }

  /// The ring's order: share `c` begins at rank c + 1.
  func ring(_ sources: [[UInt8]]) -> [UInt8] {
    let (ranks, width) = (sources.count, element.byteCount)
    let (whole, rest) = (sources[0].count / width).quotientAndRemainder(dividingBy: ranks)
    return (0..<ranks).flatMap { share -> [UInt8] in
      let start = (share * whole + min(share, rest)) * width
      let end = start + (whole + (share < rest ? 1 : 0)) * width
      let order = (1...ranks).map { widened(Array(sources[(share + $0) % ranks][start..<end])) }
      return finished(combined(order), rankCount: ranks)
    }
  }

  /// The order of recursive doubling: neighbours first.
  func doubled(_ sources: [[UInt8]]) -> [UInt8] {
    finished(doubledPartial(sources.map(widened)), rankCount: sources.count)
  }

  private func doubledPartial(_ partials: [[UInt8]]) -> [UInt8] {
    var power = 1
    while 2 * power <= partials.count { power *= 2 }
    var level = (0..<power).map { rank in
      rank + power < partials.count
        ? combined(partials[rank], partials[rank + power]) : partials[rank]
    }
    while level.count > 1 {
      level = stride(from: 0, to: level.count, by: 2).map { combined(level[$0], level[$0 + 1]) }
    }
    return level[0]
  }

  /// The order of the hierarchy: within hosts, then over the hosts.
  func hierarchical(_ sources: [[UInt8]], _ hosts: [[Int]]) -> [UInt8] {
    let sums = hosts.map { ranks in combined(ranks.map { widened(sources[$0]) }) }
    return finished(combined(sums), rankCount: sources.count)
  }

  /// The same, but the hosts' sums by recursive doubling.
  func hierarchicalDoubled(_ sources: [[UInt8]], _ hosts: [[Int]]) -> [UInt8] {
    let sums = hosts.map { ranks in combined(ranks.map { widened(sources[$0]) }) }
    return finished(doubledPartial(sums), rankCount: sources.count)
  }
}
