import DeepEPElements

// What operations that combine elements in ways of their own need beyond an extent. The indices that
// they make or take count from the start, so they are the same with and without what lies beyond.

extension ArgReduce {
  /// Of equal elements the first is chosen, and valid ones come first.
  package func elementsBeyondExtent(
    along dimension: Int, ofOperand operand: Int, _ type: Type
  ) -> ElementsBeyondExtent {
    let worst: Reduction = extreme == .largest ? .maximum : .minimum
    return .replaced(by: worst.maskIdentity(type.element))
  }
}

extension Scan {
  /// Totals from the start never meet what lies beyond.
  package func elementsBeyondExtent(
    along dimension: Int, ofOperand operand: Int, _ type: Type
  ) -> ElementsBeyondExtent {
    isReversed ? .replaced(by: reduction.maskIdentity(type.element)) : .ignored
  }
}

extension Sort {
  /// Equal elements keep their order, so the others come last; what is not a number is the largest.
  package func elementsBeyondExtent(
    along dimension: Int, ofOperand operand: Int, _ type: Type
  ) -> ElementsBeyondExtent {
    if isDescending { return .replaced(by: Reduction.maximum.maskIdentity(type.element)) }
    return .replaced(by: type.element.isFloatingPoint ? .nan : .infinity)
  }
}

extension SegmentReduce {
  package func elementsBeyondExtent(
    along dimension: Int, ofOperand operand: Int, _ type: Type
  ) -> ElementsBeyondExtent {
    operand == 0 ? .replaced(by: reduction.maskIdentity(type.element)) : .ignored
  }
}

extension ScatterAddAlong {
  package func elementsBeyondExtent(
    along dimension: Int, ofOperand operand: Int, _ type: Type
  ) -> ElementsBeyondExtent {
    switch operand {
    case 0: .refused
    case 1: .ignored  // The places that they name get nothing.
    default: .replaced(by: 0)
    }
  }
}

extension ConvolutionWeightGradient {
  /// Examples beyond the extent of a batch add nothing; images have no bounded sides.
  package func elementsBeyondExtent(
    along dimension: Int, ofOperand operand: Int, _ type: Type
  ) -> ElementsBeyondExtent { dimension == 0 ? .replaced(by: 0) : .refused }
}

extension Tensor {
  /// Zeros of this tensor's type with elements added at indices along a dimension, all of which are
  /// valid.
  func zerosAdding(_ updates: Tensor, at indices: Tensor, along dimension: Int) -> Tensor {
    let zeros = filled(with: 0)
    guard let extent = type.dimensions[dimension].extent else {
      return zeros.scatterAdd(updates, at: indices, along: dimension)
    }
    return zeros.unbounded(along: dimension, filling: 0).scatterAdd(
      updates, at: indices, along: dimension
    ).bounded(along: dimension, extent: Tensor(trace, extent))
  }
}
