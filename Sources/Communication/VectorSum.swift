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
    if sources.count == 2, destinations.count == 2 {
      pairs(whole, finish)
    } else {
      rows(whole, finish)
    }
    rest(whole, width, finish)
  }

  /// Two ranks: the addresses stay in registers.
  @inline(__always)
  private func pairs<Vector: SIMD>(
    _ byteCount: Int, _ finish: (Vector) -> Vector
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

  /// Any number of ranks: two vectors at a time, so that addresses are looked up half as often.
  @inline(__always)
  private func rows<Vector: SIMD>(_ byteCount: Int, _ finish: (Vector) -> Vector)
  where Vector.Scalar: BinaryFloatingPoint {
    let width = MemoryLayout<Vector>.size
    let paired = byteCount / (2 * width) * (2 * width)
    for offset in stride(from: 0, to: paired, by: 2 * width) {
      var (first, second) = (vector(0, offset, Vector.self), vector(0, offset + width, Vector.self))
      for rank in 1..<sources.count {
        first += vector(rank, offset, Vector.self)
        second += vector(rank, offset + width, Vector.self)
      }
      store(finish(first), offset)
      store(finish(second), offset + width)
    }
    guard paired < byteCount else { return }
    var last = vector(0, paired, Vector.self)
    for rank in 1..<sources.count { last += vector(rank, paired, Vector.self) }
    store(finish(last), paired)
  }

  @inline(__always)
  private func vector<Vector: SIMD>(_ rank: Int, _ offset: Int, _: Vector.Type) -> Vector {
    sources[rank].loadUnaligned(fromByteOffset: sourceOffset + offset, as: Vector.self)
  }

  @inline(__always)
  private func store<Vector: SIMD>(_ vector: Vector, _ offset: Int) {
    for destination in destinations {
      destination.storeBytes(of: vector, toByteOffset: destinationOffset + offset, as: Vector.self)
    }
  }

  /// What fills no vector.
  @inline(__always)
  private func rest<Vector: SIMD>(
    _ start: Int, _ width: Int, _ finish: (Vector) -> Vector
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
