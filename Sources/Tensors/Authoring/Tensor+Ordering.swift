import DeepEPElements

extension Tensor {
  /// The index of the largest element along a dimension, which disappears; the first in a tie.
  ///
  /// What is not a number comes before all others. A negative dimension counts from the end.
  public func indexOfLargest(
    along dimension: Int, as element: ElementType = .int32, file: String = #fileID,
    line: Int = #line
  ) -> Tensor {
    let operation = ArgReduce(extreme: .largest, dimension: fromStart(dimension), element: element)
    return apply(operation, source: SourceLocation(file: file, line: line))
  }

  /// The index of the smallest element along a dimension, which disappears; the first in a tie.
  ///
  /// What is not a number comes before all others. A negative dimension counts from the end.
  public func indexOfSmallest(
    along dimension: Int, as element: ElementType = .int32, file: String = #fileID,
    line: Int = #line
  ) -> Tensor {
    let operation = ArgReduce(extreme: .smallest, dimension: fromStart(dimension), element: element)
    return apply(operation, source: SourceLocation(file: file, line: line))
  }

  /// The elements along a dimension in order, and where along it each was.
  ///
  /// Equal elements keep their order; what is not a number counts as the largest. A negative
  /// dimension counts from the end.
  public func sorted(
    along dimension: Int, isDescending: Bool = false, indicesAs element: ElementType = .int32,
    file: String = #fileID, line: Int = #line
  ) -> (values: Tensor, indices: Tensor) {
    let sort = Sort(
      dimension: fromStart(dimension), isDescending: isDescending, indexElement: element)
    let all = applyAll(sort, source: SourceLocation(file: file, line: line))
    return (all[0], all[all.count - 1])
  }

  /// The largest or smallest elements along a dimension, the best first, and where along it each was.
  ///
  /// Of equal elements the first comes first; what is not a number counts as the largest. A negative
  /// dimension counts from the end.
  public func top(
    _ count: Int, along dimension: Int, _ extreme: Extreme = .largest,
    indicesAs element: ElementType = .int32, file: String = #fileID, line: Int = #line
  ) -> (values: Tensor, indices: Tensor) {
    let top = TopK(
      count: count, dimension: fromStart(dimension), extreme: extreme, indexElement: element)
    let all = applyAll(top, source: SourceLocation(file: file, line: line))
    return (all[0], all[all.count - 1])
  }

  /// The sum of each element and all before it along a dimension.
  ///
  /// - Parameters:
  ///   - dimension: A negative one counts from the end.
  ///   - isExclusive: Whether a total leaves out its own element.
  ///   - isReversed: Whether totals run from the last element to the first.
  public func cumulativeSum(
    along dimension: Int, isExclusive: Bool = false, isReversed: Bool = false
  ) -> Tensor {
    scanned(.sum, along: dimension, isExclusive: isExclusive, isReversed: isReversed)
  }

  /// The product of each element and all before it along a dimension; see ``cumulativeSum(along:isExclusive:isReversed:)``.
  public func cumulativeProduct(
    along dimension: Int, isExclusive: Bool = false, isReversed: Bool = false
  ) -> Tensor {
    scanned(.product, along: dimension, isExclusive: isExclusive, isReversed: isReversed)
  }

  /// The largest of each element and all before it along a dimension; see ``cumulativeSum(along:isExclusive:isReversed:)``.
  public func cumulativeLargest(
    along dimension: Int, isExclusive: Bool = false, isReversed: Bool = false
  ) -> Tensor {
    scanned(.maximum, along: dimension, isExclusive: isExclusive, isReversed: isReversed)
  }

  /// The smallest of each element and all before it along a dimension; see ``cumulativeSum(along:isExclusive:isReversed:)``.
  public func cumulativeSmallest(
    along dimension: Int, isExclusive: Bool = false, isReversed: Bool = false
  ) -> Tensor {
    scanned(.minimum, along: dimension, isExclusive: isExclusive, isReversed: isReversed)
  }

  package func scanned(
    _ reduction: Reduction, along dimension: Int, isExclusive: Bool = false,
    isReversed: Bool = false
  ) -> Tensor {
    apply(
      Scan(
        reduction: reduction, dimension: fromStart(dimension), isExclusive: isExclusive,
        isReversed: isReversed))
  }

  /// Elements at indices along a dimension: `result[a, i, b] = self[a, indices[a, i, b], b]`.
  ///
  /// - Parameters:
  ///   - indices: Integers of this tensor's shape but for the dimension; those outside are clamped.
  ///   - dimension: A negative one counts from the end.
  public func gather(
    at indices: Tensor, along dimension: Int, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    apply(
      GatherAlong(dimension: fromStart(dimension)), indices,
      source: SourceLocation(file: file, line: line))
  }

  /// This tensor with updates added at indices along a dimension:
  /// `result[a, indices[a, i, b], b] += updates[a, i, b]`.
  ///
  /// - Parameters:
  ///   - updates: What is added, of the shape of `indices`.
  ///   - indices: Integers of this tensor's shape but for the dimension; those outside are clamped.
  ///   - dimension: A negative one counts from the end.
  public func scatterAdd(
    _ updates: Tensor, at indices: Tensor, along dimension: Int, file: String = #fileID,
    line: Int = #line
  ) -> Tensor {
    apply(
      ScatterAddAlong(dimension: fromStart(dimension)), indices, updates,
      source: SourceLocation(file: file, line: line))
  }

  /// A dimension counted from the start.
  func fromStart(_ dimension: Int) -> Int { dimension < 0 ? dimension + rank : dimension }
}
