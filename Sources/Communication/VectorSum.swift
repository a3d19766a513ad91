/// Sums of several ranks in one pass, a vector at a time: each byte is read once and written once.
///
/// The lanes are added in the order of the ranks, so the bits are those of a plain loop.
struct VectorSum {
  let sources: [UnsafeRawPointer]
  let sourceOffset: Int
  let destinations: [UnsafeMutableRawPointer]
  let destinationOffset: Int
  let count: Int

  /// Sums float32 elements, or their means.
  func apply(_: Float.Type, mean: Bool) {
    if mean {
      sum(SIMD16<Float>.self) { [divisor = Float(sources.count)] in $0 / divisor }
    } else {
      sum(SIMD16<Float>.self) { $0 }
    }
  }

  /// Sums float64 elements, or their means.
  func apply(_: Double.Type, mean: Bool) {
    if mean {
      sum(SIMD8<Double>.self) { [divisor = Double(sources.count)] in $0 / divisor }
    } else {
      sum(SIMD8<Double>.self) { $0 }
    }
  }

  @inline(__always)
  private func sum<Vector: SIMD>(_: Vector.Type, _ finish: (Vector) -> Vector)
  where Vector.Scalar: BinaryFloatingPoint {
    let width = MemoryLayout<Vector.Scalar>.size
    let whole = count / Vector.scalarCount * Vector.scalarCount * width
    sources.withUnsafeBufferPointer { sources in
      destinations.withUnsafeBufferPointer { destinations in
        if sources.count == 2, destinations.count == 2 {
          pairs(whole, sources, destinations, finish)
        } else {
          rows(whole, sources, destinations, finish)
        }
        rest(whole, width, sources, destinations, finish)
      }
    }
  }

  /// Two ranks: the addresses stay in registers.
  @inline(__always)
  private func pairs<Vector: SIMD>(
    _ byteCount: Int, _ sources: UnsafeBufferPointer<UnsafeRawPointer>,
    _ destinations: UnsafeBufferPointer<UnsafeMutableRawPointer>, _ finish: (Vector) -> Vector
  ) where Vector.Scalar: BinaryFloatingPoint {
    let (x, y) = (sources[0] + sourceOffset, sources[1] + sourceOffset)
    let (p, q) = (destinations[0] + destinationOffset, destinations[1] + destinationOffset)
    for offset in stride(from: 0, to: byteCount, by: MemoryLayout<Vector>.size) {
      let sum = finish(
        x.loadUnaligned(fromByteOffset: offset, as: Vector.self)
          + y.loadUnaligned(fromByteOffset: offset, as: Vector.self))
      p.storeBytes(of: sum, toByteOffset: offset, as: Vector.self)
      q.storeBytes(of: sum, toByteOffset: offset, as: Vector.self)
    }
  }

  @inline(__always)
  private func rows<Vector: SIMD>(
    _ byteCount: Int, _ sources: UnsafeBufferPointer<UnsafeRawPointer>,
    _ destinations: UnsafeBufferPointer<UnsafeMutableRawPointer>, _ finish: (Vector) -> Vector
  ) where Vector.Scalar: BinaryFloatingPoint {
    for offset in stride(from: 0, to: byteCount, by: MemoryLayout<Vector>.size) {
      var sum = sources[0].loadUnaligned(fromByteOffset: sourceOffset + offset, as: Vector.self)
      for rank in 1..<sources.count {
        sum += sources[rank].loadUnaligned(fromByteOffset: sourceOffset + offset, as: Vector.self)
      }
      sum = finish(sum)
      for destination in destinations {
        destination.storeBytes(of: sum, toByteOffset: destinationOffset + offset, as: Vector.self)
      }
    }
  }

  /// What fills no vector.
  @inline(__always)
  private func rest<Vector: SIMD>(
    _ start: Int, _ width: Int, _ sources: UnsafeBufferPointer<UnsafeRawPointer>,
    _ destinations: UnsafeBufferPointer<UnsafeMutableRawPointer>, _ finish: (Vector) -> Vector
  ) where Vector.Scalar: BinaryFloatingPoint {
    for offset in stride(from: start, to: count * width, by: width) {
      var sum = Vector(repeating: 0)
      for rank in sources.indices {
        let value = sources[rank].loadUnaligned(
          fromByteOffset: sourceOffset + offset, as: Vector.Scalar.self)
        // Zero and a negative zero would make a positive one.
        sum[0] = rank == 0 ? value : sum[0] + value
      }
      let result = finish(sum)[0]
      for destination in destinations {
        destination.storeBytes(
          of: result, toByteOffset: destinationOffset + offset, as: Vector.Scalar.self)
      }
    }
  }
}
