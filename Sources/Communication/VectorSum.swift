import DeepEPVectorLoops

/// Sums of several ranks in one pass, a vector at a time: each byte is read once and written once.
///
/// The lanes are added in the order of the ranks, so the bits are those of a plain loop.
struct VectorSum {
  let sources: UnsafeBufferPointer<UnsafeRawPointer>
  let sourceOffset: Int
  let destinations: UnsafeBufferPointer<UnsafeMutableRawPointer>
  let destinationOffset: Int
  let count: Int

  /// Sums elements, or takes their means.
  ///
  /// - Parameter loop: the loop in C for such elements.
  func apply<Element: FloatingElement>(
    _: Element.Type, mean: Bool, _ loop: (deepep_rows, Bool) -> Void
  ) {
    let rows = rows(width: MemoryLayout<Element>.size)
    loop(rows, mean)
    rest(Element.self, from: rows.byte_count, mean ? Element.Accumulator(sources.count) : 1)
  }

  /// What fills vectors.
  private func rows(width: Int) -> deepep_rows {
    let unit = Int(deepep_rows_unit)
    return deepep_rows(
      sources: UnsafeRawPointer(sources.baseAddress)?.assumingMemoryBound(
        to: UnsafeRawPointer?.self),
      source_count: sources.count, source_offset: sourceOffset,
      destinations: UnsafeRawPointer(destinations.baseAddress)?.assumingMemoryBound(
        to: UnsafeMutableRawPointer?.self),
      destination_count: destinations.count, destination_offset: destinationOffset,
      byte_count: count * width / unit * unit)
  }

  /// What does not, divided by a number.
  private func rest<Element: FloatingElement>(
    _: Element.Type, from start: Int, _ divisor: Element.Accumulator
  ) {
    let width = MemoryLayout<Element>.size
    for offset in stride(from: start, to: count * width, by: width) {
      let value = { (source: UnsafeRawPointer) in
        source.loadUnaligned(fromByteOffset: sourceOffset + offset, as: Element.self).accumulator
      }
      // Zero and a negative zero would make a positive one: the sum begins with the first number.
      let sum = sources.dropFirst().reduce(value(sources[0])) { $0 + value($1) }
      for destination in destinations {
        destination.storeBytes(
          of: Element(rounding: sum / divisor), toByteOffset: destinationOffset + offset,
          as: Element.self)
      }
    }
  }
}
