import DeepEPElements
import DeepEPVectorLoops

/// Combines the elements of several ranks, in the order of the ranks.
struct RankOrderReduction {
  let element: ElementType
  let reduction: CollectiveReduction

  /// Where the elements of each rank are.
  typealias Sources = UnsafeBufferPointer<UnsafeRawPointer>
  /// Where their results go.
  typealias Destinations = UnsafeBufferPointer<UnsafeMutableRawPointer>

  /// Combines `count` elements of each source, and writes the result to each destination.
  ///
  /// A destination may be one of the sources: elements are read before they are written.
  ///
  /// - Parameters:
  ///   - sourceOffset: where the elements begin in each source, in bytes.
  ///   - destinationOffset: where they begin in each destination, in bytes.
  func apply(
    _ sources: [UnsafeRawPointer], from sourceOffset: Int,
    into destinations: [UnsafeMutableRawPointer], at destinationOffset: Int, count: Int
  ) {
    sources.withUnsafeBufferPointer { sources in
      destinations.withUnsafeBufferPointer { destinations in
        apply(
          sources, from: sourceOffset, into: destinations, at: destinationOffset, count: count)
      }
    }
  }

  /// The same, of lists of addresses that somebody else keeps.
  func apply(
    _ sources: Sources, from sourceOffset: Int, into destinations: Destinations,
    at destinationOffset: Int, count: Int
  ) {
    guard count > 0, !sources.isEmpty else { return }
    if reduction == .sum || reduction == .mean {
      let sum = VectorSum(
        sources: sources, sourceOffset: sourceOffset, destinations: destinations,
        destinationOffset: destinationOffset, count: count)
      if apply(sum, mean: reduction == .mean) { return }
    }
    apply(
      sources.map { $0 + sourceOffset }, into: destinations.map { $0 + destinationOffset },
      count: count)
  }

  /// Sums by vectors; returns whether there is a loop for such elements.
  private func apply(_ sum: VectorSum, mean: Bool) -> Bool {
    switch element {
    case .float64: sum.apply(Double.self, mean: mean, deepep_sum_float64)
    case .float32: sum.apply(Float.self, mean: mean, deepep_sum_float32)
    case .float16: sum.apply(Half.self, mean: mean, deepep_sum_float16)
    case .bfloat16: sum.apply(BFloat16.self, mean: mean, deepep_sum_bfloat16)
    default: return false
    }
    return true
  }

  private func apply(
    _ sources: [UnsafeRawPointer], into destinations: [UnsafeMutableRawPointer], count: Int
  ) {
    switch element {
    case .float64: floating(Double.self, sources, destinations, count)
    case .float32: floating(Float.self, sources, destinations, count)
    case .float16: floating(Half.self, sources, destinations, count)
    case .bfloat16: floating(BFloat16.self, sources, destinations, count)
    case .float8e4m3: floating(Float8E4M3.self, sources, destinations, count)
    case .float8e5m2: floating(Float8E5M2.self, sources, destinations, count)
    case .int64: integer(Int64.self, sources, destinations, count)
    case .int32: integer(Int32.self, sources, destinations, count)
    case .int16: integer(Int16.self, sources, destinations, count)
    case .int8: integer(Int8.self, sources, destinations, count)
    case .uint64: integer(UInt64.self, sources, destinations, count)
    case .uint32: integer(UInt32.self, sources, destinations, count)
    case .uint16: integer(UInt16.self, sources, destinations, count)
    case .uint8: integer(UInt8.self, sources, destinations, count)
    case .bool: boolean(sources, destinations, count)
    }
  }

  private func floating<Element: FloatingElement>(
    _: Element.Type, _ sources: [UnsafeRawPointer], _ destinations: [UnsafeMutableRawPointer],
    _ count: Int
  ) {
    let rankCount = Element.Accumulator(sources.count)
    let fold = Fold<Element, Element.Accumulator>(
      sources: sources, destinations: destinations, count: count)
    switch reduction {
    case .sum: fold.apply({ $0.accumulator }, { $0 + $1 }, { Element(rounding: $0) })
    case .mean: fold.apply({ $0.accumulator }, { $0 + $1 }, { Element(rounding: $0 / rankCount) })
    case .product: fold.apply({ $0.accumulator }, { $0 * $1 }, { Element(rounding: $0) })
    case .maximum: fold.apply({ $0.accumulator }, largest, { Element(rounding: $0) })
    case .minimum: fold.apply({ $0.accumulator }, smallest, { Element(rounding: $0) })
    }
  }

  private func integer<Element: FixedWidthInteger & BitwiseCopyable>(
    _: Element.Type, _ sources: [UnsafeRawPointer], _ destinations: [UnsafeMutableRawPointer],
    _ count: Int
  ) {
    let fold = Fold<Element, Element>(sources: sources, destinations: destinations, count: count)
    switch reduction {
    case .sum, .mean: fold.apply({ $0 }, { $0 &+ $1 }, { $0 })
    case .product: fold.apply({ $0 }, { $0 &* $1 }, { $0 })
    case .maximum: fold.apply({ $0 }, { max($0, $1) }, { $0 })
    case .minimum: fold.apply({ $0 }, { min($0, $1) }, { $0 })
    }
  }

  private func boolean(
    _ sources: [UnsafeRawPointer], _ destinations: [UnsafeMutableRawPointer], _ count: Int
  ) {
    let fold = Fold<UInt8, UInt8>(sources: sources, destinations: destinations, count: count)
    switch reduction {
    case .sum, .mean, .maximum: fold.apply({ $0 == 0 ? 0 : 1 }, { $0 | $1 }, { $0 })
    case .product, .minimum: fold.apply({ $0 == 0 ? 0 : 1 }, { $0 & $1 }, { $0 })
    }
  }
}

/// The loop of a reduction: blocks that stay in the cache, and in each of them one rank after another.
private struct Fold<Element: BitwiseCopyable, Accumulator: BitwiseCopyable> {
  let sources: [UnsafeRawPointer]
  let destinations: [UnsafeMutableRawPointer]
  let count: Int

  @inline(__always)
  func apply(
    _ load: (Element) -> Accumulator, _ combine: (Accumulator, Accumulator) -> Accumulator,
    _ store: (Accumulator) -> Element
  ) {
    let blockSize = 1024
    withUnsafeTemporaryAllocation(of: Accumulator.self, capacity: blockSize) { buffer in
      guard let block = buffer.baseAddress else { return }
      for start in stride(from: 0, to: count, by: blockSize) {
        let size = min(blockSize, count - start)
        fold(block, start, size, load, combine)
        write(block, start, size, store)
      }
    }
  }

  /// Plain loops without branches, which the compiler turns into vectors.
  @inline(__always)
  private func fold(
    _ block: UnsafeMutablePointer<Accumulator>, _ start: Int, _ size: Int,
    _ load: (Element) -> Accumulator, _ combine: (Accumulator, Accumulator) -> Accumulator
  ) {
    let width = MemoryLayout<Element>.size
    let first = sources[0] + start * width
    for index in 0..<size {
      (block + index).initialize(
        to: load(first.loadUnaligned(fromByteOffset: index &* width, as: Element.self)))
    }
    for source in sources.dropFirst() {
      let source = source + start * width
      for index in 0..<size {
        block[index] = combine(
          block[index], load(source.loadUnaligned(fromByteOffset: index &* width, as: Element.self))
        )
      }
    }
  }

  @inline(__always)
  private func write(
    _ block: UnsafeMutablePointer<Accumulator>, _ start: Int, _ size: Int,
    _ store: (Accumulator) -> Element
  ) {
    let width = MemoryLayout<Element>.size
    let first = destinations[0] + start * width
    for index in 0..<size {
      first.storeBytes(of: store(block[index]), toByteOffset: index &* width, as: Element.self)
    }
    for other in destinations.dropFirst() {
      (other + start * width).copyMemory(from: first, byteCount: size * width)
    }
  }
}

/// The larger number; not a number if either is not one.
@inline(__always)
private func largest<Number: BinaryFloatingPoint>(_ x: Number, _ y: Number) -> Number {
  let larger = x > y ? x : y
  return x == x ? larger : x
}

/// The smaller number; not a number if either is not one.
@inline(__always)
private func smallest<Number: BinaryFloatingPoint>(_ x: Number, _ y: Number) -> Number {
  let smaller = x < y ? x : y
  return x == x ? smaller : x
}
