import DeepEPElements

/// Combines the elements of several ranks, in the order of the ranks.
struct RankOrderReduction {
  let element: ElementType
  let reduction: CollectiveReduction

  /// Combines `count` elements of each source, and writes the result to each destination.
  ///
  /// A destination may be one of the sources: elements are read before they are written.
  func apply(
    _ sources: [UnsafeRawPointer], into destinations: [UnsafeMutableRawPointer], count: Int
  ) {
    switch element {
    case .float64: floating(Double.self, sources, destinations, count)
    case .float32: floating(Float.self, sources, destinations, count)
    case .float16: floating(Float16.self, sources, destinations, count)
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
private struct Fold<Element: BitwiseCopyable, Accumulator> {
  let sources: [UnsafeRawPointer]
  let destinations: [UnsafeMutableRawPointer]
  let count: Int

  @inline(__always)
  func apply(
    _ load: (Element) -> Accumulator, _ combine: (Accumulator, Accumulator) -> Accumulator,
    _ store: (Accumulator) -> Element
  ) {
    let blockSize = 1024
    withUnsafeTemporaryAllocation(of: Accumulator.self, capacity: blockSize) { block in
      for start in stride(from: 0, to: count, by: blockSize) {
        let size = min(blockSize, count - start)
        fold(block, start, size, load, combine)
        write(block, start, size, store)
        block[..<size].deinitialize()
      }
    }
  }

  @inline(__always)
  private func fold(
    _ block: UnsafeMutableBufferPointer<Accumulator>, _ start: Int, _ size: Int,
    _ load: (Element) -> Accumulator, _ combine: (Accumulator, Accumulator) -> Accumulator
  ) {
    let width = MemoryLayout<Element>.size
    for (rank, source) in sources.enumerated() {
      for index in 0..<size {
        let element = source.loadUnaligned(
          fromByteOffset: (start + index) * width, as: Element.self)
        if rank == 0 {
          block.initializeElement(at: index, to: load(element))
        } else {
          block[index] = combine(block[index], load(element))
        }
      }
    }
  }

  @inline(__always)
  private func write(
    _ block: UnsafeMutableBufferPointer<Accumulator>, _ start: Int, _ size: Int,
    _ store: (Accumulator) -> Element
  ) {
    let width = MemoryLayout<Element>.size
    guard let first = destinations.first else { return }
    for index in 0..<size {
      first.storeBytes(
        of: store(block[index]), toByteOffset: (start + index) * width, as: Element.self)
    }
    for other in destinations.dropFirst() {
      (other + start * width).copyMemory(from: first + start * width, byteCount: size * width)
    }
  }
}

@inline(__always)
private func largest<Number: BinaryFloatingPoint>(_ x: Number, _ y: Number) -> Number {
  x.isNaN || y.isNaN ? .nan : max(x, y)
}

@inline(__always)
private func smallest<Number: BinaryFloatingPoint>(_ x: Number, _ y: Number) -> Number {
  x.isNaN || y.isNaN ? .nan : min(x, y)
}
