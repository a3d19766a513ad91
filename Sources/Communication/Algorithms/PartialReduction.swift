import DeepEPElements

/// Combines elements of two ranks at a time, for algorithms that do not see those of all at once.
///
/// What is not yet complete is kept in the type in which reductions compute: float32 for narrower
/// floats, which are rounded once, at the end.
struct PartialReduction {
  let element: ElementType
  let reduction: CollectiveReduction

  /// The type of incomplete results.
  var wide: ElementType {
    switch element {
    case .float16, .bfloat16, .float8e4m3, .float8e5m2: .float32
    default: element
    }
  }

  /// What combines incomplete results: means are sums until they are complete.
  var incomplete: RankOrderReduction {
    RankOrderReduction(element: wide, reduction: reduction == .mean ? .sum : reduction)
  }

  /// Copies a rank's elements, widened, to the start of a buffer that has room for them.
  func load(_ source: UnsafeRawBufferPointer, into partial: UnsafeMutableRawBufferPointer) {
    guard !source.isEmpty, let from = source.baseAddress, let to = partial.baseAddress else {
      return
    }
    load(from, count: source.count / element.byteCount, into: to)
  }

  /// Copies a rank's elements, widened.
  func load(_ source: UnsafeRawPointer, count: Int, into partial: UnsafeMutableRawPointer) {
    switch element {
    case .float16: widen(Half.self, source, count, partial)
    case .bfloat16: widen(BFloat16.self, source, count, partial)
    case .float8e4m3: widen(Float8E4M3.self, source, count, partial)
    case .float8e5m2: widen(Float8E5M2.self, source, count, partial)
    default: partial.copyMemory(from: source, byteCount: count * element.byteCount)
    }
  }

  /// Combines two incomplete results, which may be the target's memory.
  func combine(
    _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, count: Int,
    into target: UnsafeMutableRawPointer
  ) {
    incomplete.apply([left, right], from: 0, into: [target], at: 0, count: count)
  }

  /// Makes the result of all ranks complete: divides means, and rounds.
  func store(
    _ partial: UnsafeMutableRawPointer, count: Int, rankCount: Int,
    into destination: UnsafeMutableRawPointer
  ) {
    if reduction == .mean { divide(partial, count, by: rankCount) }
    switch element {
    case .float16: round(Half.self, partial, count, destination)
    case .bfloat16: round(BFloat16.self, partial, count, destination)
    case .float8e4m3: round(Float8E4M3.self, partial, count, destination)
    case .float8e5m2: round(Float8E5M2.self, partial, count, destination)
    case .bool:
      // A rank alone would not have made its elements zeros and ones.
      RankOrderReduction(element: .bool, reduction: reduction)
        .apply([UnsafeRawPointer(partial)], from: 0, into: [destination], at: 0, count: count)
    default: destination.copyMemory(from: partial, byteCount: count * element.byteCount)
    }
  }

  private func divide(_ partial: UnsafeMutableRawPointer, _ count: Int, by rankCount: Int) {
    if wide == .float64 {
      divide(Double.self, partial, count, by: Double(rankCount))
    } else {
      divide(Float.self, partial, count, by: Float(rankCount))
    }
  }

  private func divide<Number: BinaryFloatingPoint & BitwiseCopyable>(
    _: Number.Type, _ partial: UnsafeMutableRawPointer, _ count: Int, by divisor: Number
  ) {
    let width = MemoryLayout<Number>.size
    for index in 0..<count {
      let number = partial.loadUnaligned(fromByteOffset: index &* width, as: Number.self)
      partial.storeBytes(of: number / divisor, toByteOffset: index &* width, as: Number.self)
    }
  }

  private func widen<Element: FloatingElement>(
    _: Element.Type, _ source: UnsafeRawPointer, _ count: Int, _ partial: UnsafeMutableRawPointer
  ) where Element.Accumulator == Float {
    let width = MemoryLayout<Element>.size
    for index in 0..<count {
      let element = source.loadUnaligned(fromByteOffset: index &* width, as: Element.self)
      partial.storeBytes(of: element.accumulator, toByteOffset: index &* 4, as: Float.self)
    }
  }

  private func round<Element: FloatingElement>(
    _: Element.Type, _ partial: UnsafeRawPointer, _ count: Int,
    _ destination: UnsafeMutableRawPointer
  ) where Element.Accumulator == Float {
    let width = MemoryLayout<Element>.size
    for index in 0..<count {
      let number = partial.loadUnaligned(fromByteOffset: index &* 4, as: Float.self)
      destination.storeBytes(
        of: Element(rounding: number), toByteOffset: index &* width, as: Element.self)
    }
  }
}
