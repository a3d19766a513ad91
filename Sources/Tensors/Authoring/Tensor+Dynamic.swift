extension Tensor {
  /// A box of elements whose place is known when the program runs.
  ///
  /// - Parameters:
  ///   - starts: An int32 or int64 scalar for each of `dimensions`: the first index along it, clamped
  ///     so that the box lies inside.
  ///   - sizes: The number of elements along each of `dimensions`.
  ///   - dimensions: The dimensions that are sliced; others are taken whole.
  public func dynamicSliced(
    at starts: [Tensor], sizes: [Int], along dimensions: [Int], file: String = #fileID,
    line: Int = #line
  ) -> Tensor {
    let slice = DynamicSlice(dimensions: dimensions, sizes: sizes)
    return applyAll(slice, starts, source: SourceLocation(file: file, line: line))[0]
  }

  /// This tensor with a box of its elements replaced, such as a cache with the latest keys.
  ///
  /// - Parameters:
  ///   - box: The new elements; as large as this tensor along all but `dimensions`.
  ///   - starts: An int32 or int64 scalar for each of `dimensions`: the first index along it, clamped
  ///     so that the box lies inside.
  ///   - dimensions: The dimensions along which the box may be smaller.
  public func replacing(
    _ box: Tensor, at starts: [Tensor], along dimensions: [Int], file: String = #fileID,
    line: Int = #line
  ) -> Tensor {
    let update = DynamicUpdateSlice(dimensions: dimensions)
    return applyAll(update, [box] + starts, source: SourceLocation(file: file, line: line))[0]
  }
}
