import DeepEPCommunication
import DeepEPElements

/// Collectives written down as plain loops over the bytes of all ranks: what the transports must equal.
package enum Serial {
  /// Combines the elements of all sources in an order.
  ///
  /// Floats narrower than float32 are combined in it, and rounded once, at the end.
  package static func reduced(
    _ sources: [[UInt8]], _ element: ElementType, _ reduction: CollectiveReduction,
    _ order: SumOrder
  ) -> [UInt8] {
    let words = sources.map { self.words($0, element) }
    if !element.isFloatingPoint {
      let numbers = words.map { $0.map { element.wrapped(Int64(bitPattern: $0)) } }
      let results = order.value(numbers) { integer($0, $1, element, reduction) }
      return bytes(results.map { UInt64(bitPattern: $0) }, element)
    }
    let numbers = words.map { $0.map { element.number(bits: $0) } }
    if element == .float64 {
      return bytes(floating(numbers, reduction, order).map(\.bitPattern), element)
    }
    let results = floating(numbers.map { $0.map { Float($0) } }, reduction, order)
    return bytes(results.map { element.bits(element.rounded(Double($0))) }, element)
  }

  private static func floating<Number: BinaryFloatingPoint>(
    _ terms: [[Number]], _ reduction: CollectiveReduction, _ order: SumOrder
  ) -> [Number] {
    switch reduction {
    case .sum: order.value(terms, +)
    case .mean: order.value(terms, +).map { $0 / Number(terms.count) }
    case .product: order.value(terms, *)
    // Of zeros with different signs the later one, and never a number instead of what is none.
    case .maximum: order.value(terms) { $0.isNaN || $0 > $1 ? $0 : $1 }
    case .minimum: order.value(terms) { $0.isNaN || $0 < $1 ? $0 : $1 }
    }
  }

  private static func integer(
    _ x: Int64, _ y: Int64, _ element: ElementType, _ reduction: CollectiveReduction
  ) -> Int64 {
    let isBelow =
      element == .uint64 ? UInt64(bitPattern: x) < UInt64(bitPattern: y) : x < y
    return switch reduction {
    case .sum, .mean: element.wrapped(x &+ y)
    case .product: element.wrapped(x &* y)
    case .maximum: isBelow ? y : x
    case .minimum: isBelow ? x : y
    }
  }

  /// Whether elements are equal, bit by bit, but for what is not a number, of which one is like another.
  package static func areEqual(_ first: [UInt8], _ second: [UInt8], _ element: ElementType) -> Bool
  {
    if first == second { return true }
    guard element.isFloatingPoint, first.count == second.count else { return false }
    return zip(words(first, element), words(second, element)).allSatisfy { x, y in
      x == y || element.number(bits: x).isNaN && element.number(bits: y).isNaN
    }
  }

  /// Whether sums of numbers between -2 and 2 differ by no more than their order can make.
  package static func areClose(
    _ first: [UInt8], _ second: [UInt8], _ element: ElementType, _ termCount: Int
  ) -> Bool {
    guard element == .float32 || element == .float64, first.count == second.count else {
      return false
    }
    let roundoff = element == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)
    let limit = 2 * Double(termCount * termCount) * roundoff
    return zip(words(first, element), words(second, element)).allSatisfy { x, y in
      let (x, y) = (element.number(bits: x), element.number(bits: y))
      return x == y || x.isNaN && y.isNaN || abs(x - y) <= limit
    }
  }

  private static func words(_ bytes: [UInt8], _ element: ElementType) -> [UInt64] {
    let width = element.byteCount
    return (0..<bytes.count / width).map { index in
      var word: UInt64 = 0
      for byte in 0..<width { word |= UInt64(bytes[index * width + byte]) << (8 * byte) }
      return word
    }
  }

  private static func bytes(_ words: [UInt64], _ element: ElementType) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(words.count * element.byteCount)
    for word in words {
      for byte in 0..<element.byteCount {
        bytes.append(UInt8(truncatingIfNeeded: word >> (8 * byte)))
      }
    }
    return bytes
  }
}

// MARK: Blocks

extension Serial {
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
  package struct Uneven: Sendable {
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
