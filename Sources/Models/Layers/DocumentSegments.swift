import DeepEPTensors

extension Tensor {
  /// For each of these identifiers, `[batch, sequence]`, the number of its document in the row: attention over
  /// such segments stays within a document.
  ///
  /// - Parameter start: The token with which each document begins, but perhaps the first.
  /// - Returns: int32 `[batch, sequence]`.
  public func documentSegments(beginningWith start: Int) -> Tensor {
    begins(with: start).converted(to: .int32).cumulativeSum(along: rank - 1)
  }

  /// For each of these identifiers, `[batch, sequence]`, its position in its document, or in the row for those of a
  /// document that began before it.
  ///
  /// - Parameter start: The token with which each document begins.
  /// - Returns: int32 `[batch, sequence]`.
  public func documentPositions(beginningWith start: Int) -> Tensor {
    let places = indices(along: rank - 1)
    let begins = begins(with: start).select(places, places.filled(with: 0))
    return places - begins.cumulativeLargest(along: rank - 1)
  }

  private func begins(with start: Int) -> Tensor {
    compare(.equal, filled(with: Double(start)))
  }
}
