import DeepEPCommunication
import DeepEPElements

/// Collectives written down as plain loops over the bytes of all ranks: what the transports must equal.
package enum Serial {
  package static func reduced(
    _ sources: [[UInt8]], _ element: ElementType, _ reduction: CollectiveReduction
  ) -> [UInt8] {
    let width = element.byteCount
    return (0..<sources[0].count / width).flatMap { index in
      let words = sources.map { source in
        (0..<width).reduce(UInt64(0)) { $0 | UInt64(source[index * width + $1]) << (8 * $1) }
      }
      let bits = combined(words, element, reduction)
      return (0..<width).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    }
  }

  private static func combined(
    _ words: [UInt64], _ element: ElementType, _ reduction: CollectiveReduction
  ) -> UInt64 {
    guard element.isFloatingPoint else {
      return UInt64(bitPattern: integer(words.map { Int64(bitPattern: $0) }, element, reduction))
    }
    let numbers = words.map { element.number(bits: $0) }
    if element == .float64 { return floating(numbers, reduction).bitPattern }
    return element.bits(element.rounded(Double(floating(numbers.map { Float($0) }, reduction))))
  }

  private static func floating<Number: BinaryFloatingPoint>(
    _ numbers: [Number], _ reduction: CollectiveReduction
  ) -> Number {
    let rest = numbers.dropFirst()
    switch reduction {
    case .sum: return rest.reduce(numbers[0], +)
    case .mean: return rest.reduce(numbers[0], +) / Number(numbers.count)
    case .product: return rest.reduce(numbers[0], *)
    case .maximum: return rest.reduce(numbers[0], Swift.max)
    case .minimum: return rest.reduce(numbers[0], Swift.min)
    }
  }

  private static func integer(
    _ words: [Int64], _ element: ElementType, _ reduction: CollectiveReduction
  ) -> Int64 {
    let numbers = words.map { element.wrapped($0) }
    let isBelow = { (x: Int64, y: Int64) in
      element == .uint64 ? UInt64(bitPattern: x) < UInt64(bitPattern: y) : x < y
    }
    return numbers.dropFirst().reduce(numbers[0]) { x, y in
      switch reduction {
      case .sum, .mean: element.wrapped(x &+ y)
      case .product: element.wrapped(x &* y)
      case .maximum: isBelow(x, y) ? y : x
      case .minimum: isBelow(y, x) ? y : x
      }
    }
  }

  /// [outer, rank count, inner] of sources [outer, inner].
  package static func gathered(_ sources: [[UInt8]], outerCount: Int) -> [UInt8] {
    let inner = outerCount == 0 ? 0 : sources[0].count / outerCount
    return (0..<outerCount).flatMap { outer in
      sources.flatMap { $0[outer * inner..<(outer + 1) * inner] }
    }
  }

  /// [outer, inner]: block `rank` of [outer, rank count, inner].
  package static func block(_ whole: [UInt8], _ rank: Int, of rankCount: Int, outerCount: Int)
    -> [UInt8]
  {
    let inner = outerCount == 0 ? 0 : whole.count / outerCount / rankCount
    return (0..<outerCount).flatMap { (outer: Int) -> ArraySlice<UInt8> in
      let start = (outer * rankCount + rank) * inner
      return whole[start..<start + inner]
    }
  }

  package static func exchanged(_ sources: [[UInt8]], _ rank: Int) -> [UInt8] {
    sources.flatMap { block($0, rank, of: sources.count, outerCount: 1) }
  }

  /// An all-to-all whose blocks have odd sizes, some of them none.
  package struct Uneven {
    /// How many bytes each rank gives to each.
    package let counts: [[Int]]

    package init(_ ranks: Int, _ count: Int, _ width: Int, seed: Int) {
      var numbers = Numbers(seed)
      counts = (0..<ranks).map { _ in
        (0..<ranks).map { _ in
          let word = Int(truncatingIfNeeded: numbers.next() >> 1)
          return word % 4 == 0 ? 0 : word / 4 % (count * width + 1)
        }
      }
    }

    package func sourceCount(_ rank: Int) -> Int { counts[rank].reduce(0, +) }

    package func exchanged(_ sources: [[UInt8]], _ rank: Int) -> [UInt8] {
      sources.enumerated().flatMap { peer, source -> ArraySlice<UInt8> in
        let start = counts[peer][..<rank].reduce(0, +)
        return source[start..<start + counts[peer][rank]]
      }
    }
  }
}
