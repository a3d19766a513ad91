import DeepEPElements

/// A strided window into a row-major buffer: what slices, transposes and reshapes are to a kernel.
package struct View: Hashable, Codable, Sendable {
  /// The position of the first element.
  package var offset: Int
  /// The number of elements along each dimension.
  package var shape: [Int]
  /// The distance in elements between neighbours along each dimension.
  package var strides: [Int]

  /// Makes a view.
  package init(offset: Int = 0, shape: [Int], strides: [Int]) {
    self.offset = offset
    self.shape = shape
    self.strides = strides
  }

  /// The whole of a row-major buffer.
  package init(_ shape: [Int]) { self.init(shape: shape, strides: rowMajorStrides(shape)) }

  /// The elements that the view shows.
  package func elements(of array: HostArray) -> HostArray {
    var places: [Int] = []
    forEachIndex(shape) { index in
      places.append(zip(index, strides).reduce(offset) { $0 + $1.0 * $1.1 })
    }
    return array.gathered(places, shape: shape)
  }
}

/// A `dot` that reads its operands through views and does more with its sums before they reach memory:
/// what `fuse` makes of a `dot`, of the movement of elements before it, and of what uses it alone.
///
/// Operands: left, right, then those of the epilogue's steps.
package struct Contraction: Operation {
  /// The labels, and the element type of the sums.
  package var dot: Dot
  /// How the left operand's buffer is seen.
  package var left: View
  /// How the right operand's buffer is seen.
  package var right: View
  /// What is done with each sum.
  package var epilogue: [EpilogueStep]
  package var name: String { "contraction" }

  package init(dot: Dot, left: View, right: View, epilogue: [EpilogueStep] = []) {
    self.dot = dot
    self.left = left
    self.right = right
    self.epilogue = epilogue
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2 + epilogue.operandCount)
    let sum = try dot.resultTypes(of: seen(operands))[0]
    return [try epilogue.resultType(of: sum, Array(operands.dropFirst(2)))]
  }

  /// The type of the sums before the epilogue.
  package func sumType(_ operands: [Type], _ results: [Type]) -> Type {
    results[0].with(element: dot.element ?? operands[0].element)
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = dot.factors(operands: seen(operands), results: results)
    let walk = factors.results[0]
    factors.operands += epilogue.compactMap { step in
      step.combination(rank: walk.count)?.dimensions.map { walk[$0] }
    }
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let sums = dot.evaluate(
      [left.elements(of: operands[0]), right.elements(of: operands[1])],
      types: [sumType(operands.map(\.type), types)])
    return [epilogue.evaluate(sums[0], Array(operands.dropFirst(2)))]
  }

  /// The sum may be made in the addend's memory.
  package var overwritableOperands: [Int: [Int]] { epilogue.first == .accumulate ? [0: [2]] : [:] }

  private func seen(_ operands: [Type]) -> [Type] {
    zip(operands, [left, right]).map { $0.with(shape: $1.shape) }
  }
}
