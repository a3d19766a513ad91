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

  /// Sums float32 elements, or their means.
  func apply(_: Float.Type, mean: Bool) {
    let rows = rows(width: MemoryLayout<Float>.size)
    deepep_sum_float32(rows, mean)
    rest(from: rows.byte_count, mean ? Float(sources.count) : 1)
  }

  /// Sums float64 elements, or their means.
  func apply(_: Double.Type, mean: Bool) {
    let rows = rows(width: MemoryLayout<Double>.size)
    deepep_sum_float64(rows, mean)
    rest(from: rows.byte_count, mean ? Double(sources.count) : 1)
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
  private func rest<Number: BinaryFloatingPoint & BitwiseCopyable>(
    from start: Int, _ divisor: Number
  ) {
    let width = MemoryLayout<Number>.size
    for offset in stride(from: start, to: count * width, by: width) {
      let value = { (source: UnsafeRawPointer) in
        source.loadUnaligned(fromByteOffset: sourceOffset + offset, as: Number.self)
      }
      // Zero and a negative zero would make a positive one: the sum begins with the first number.
      let sum = sources.dropFirst().reduce(value(sources[0])) { $0 + value($1) }
      for destination in destinations {
        destination.storeBytes(
          of: sum / divisor, toByteOffset: destinationOffset + offset, as: Number.self)
      }
    }
  }
}
