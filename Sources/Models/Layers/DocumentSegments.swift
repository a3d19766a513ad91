import DeepEPTensors

extension Tensor {
  /// For each of these identifiers, `[batch, sequence]`, the number of its document in the row: attention over
  /// such segments stays within a document.
  ///
  /// - Parameter start: The token with which each document begins, but perhaps the first.
  /// - Returns: int32 `[batch, sequence]`.
  public func documentSegments(beginningWith start: Int) -> Tensor {
    compare(.equal, filled(with: Double(start))).converted(to: .int32).cumulativeSum(
      along: rank - 1)
  }
}
