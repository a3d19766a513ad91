import DeepEPElements

extension Tensor {
  /// The sum of the rows of each segment.
  ///
  /// - Parameters:
  ///   - segments: The segment of each row of this tensor, `[rows]`; rows of others are dropped.
  ///   - count: The number of segments.
  /// - Returns: One row for each segment, of zeros if it has none.
  public func segmentSum(
    _ segments: Tensor, count: Int, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    let reduce = SegmentReduce(reduction: .sum, count: count)
    return apply(reduce, segments, source: SourceLocation(file: file, line: line))
  }

  /// The largest elements of the rows of each segment; see ``segmentSum(_:count:file:line:)``.
  ///
  /// A segment without rows holds minus infinity, or the least integer.
  public func segmentLargest(
    _ segments: Tensor, count: Int, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    let reduce = SegmentReduce(reduction: .maximum, count: count)
    return apply(reduce, segments, source: SourceLocation(file: file, line: line))
  }

  /// The smallest elements of the rows of each segment; see ``segmentSum(_:count:file:line:)``.
  ///
  /// A segment without rows holds infinity, or the largest integer.
  public func segmentSmallest(
    _ segments: Tensor, count: Int, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    let reduce = SegmentReduce(reduction: .minimum, count: count)
    return apply(reduce, segments, source: SourceLocation(file: file, line: line))
  }

  /// The product of groups of rows, `[rows, inner]`, with a matrix for each group.
  ///
  /// - Parameters:
  ///   - matrices: `[groups, inner, outer]`.
  ///   - sizes: How many rows each group has, int32 `[groups]`; groups follow one another.
  /// - Returns: `[rows, outer]`; rows past the last group are zero.
  public func groupedDot(
    _ matrices: some TensorConvertible, sizes: Tensor, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    apply(
      GroupedDot(), sizes, matrices.tensor, source: SourceLocation(file: file, line: line))
  }
}
