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

/// A `dot` that reads its operands through views: what `fuse` makes of a `dot` and of the movement
/// of elements before it.
package struct Contraction: Operation {
  /// The labels.
  package var dot: Dot
  /// How the left operand's buffer is seen.
  package var left: View
  /// How the right operand's buffer is seen.
  package var right: View
  /// Whether a third operand, of the result's type, is added to the product.
  package var hasAddend: Bool
  package var name: String { "contraction" }

  package init(dot: Dot, left: View, right: View, hasAddend: Bool = false) {
    self.hasAddend = hasAddend
    self.dot = dot
    self.left = left
    self.right = right
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: hasAddend ? 3 : 2)
    let results = try dot.resultTypes(of: seen(operands))
    guard !hasAddend || operands[2] == results[0] else {
      throw ShapeError(name, "the addend is \(operands[2]), but the product \(results[0])")
    }
    return results
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = dot.factors(operands: seen(operands), results: results)
    if hasAddend { factors.operands.append(factors.results[0]) }
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let product = dot.evaluate(
      [left.elements(of: operands[0]), right.elements(of: operands[1])], types: types)
    guard hasAddend else { return product }
    return Binary(function: .add).evaluate([operands[2], product[0]], types: types)
  }

  /// The sum may be made in the addend's memory.
  package var overwritableOperands: [Int: [Int]] { hasAddend ? [0: [2]] : [:] }

  private func seen(_ operands: [Type]) -> [Type] {
    zip(operands, [left, right]).map { $0.with(shape: $1.shape) }
  }
}
