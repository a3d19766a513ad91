import DeepEPElements

/// Which end of an order is meant.
public enum Extreme: String, Hashable, Codable, Sendable, CaseIterable {
  case largest, smallest
}

/// The index of the largest or smallest element along a dimension, which disappears.
///
/// Of equal elements the first; an element that is not a number before all others, as in PyTorch.
package struct ArgReduce: Operation {
  /// Which element is looked for.
  package var extreme: Extreme
  /// The dimension.
  package var dimension: Int
  /// The element type of the result: int32 or int64.
  package var element: ElementType
  package var name: String { "argReduce" }

  package init(extreme: Extreme, dimension: Int, element: ElementType = .int32) {
    self.extreme = extreme
    self.dimension = dimension
    self.element = element
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    try expectDimensions([dimension], of: operands[0])
    try expectIndex(element)
    guard operands[0].shape[dimension] > 0 else {
      throw ShapeError(name, "\(operands[0]) has no element along dimension \(dimension)")
    }
    var result = operands[0].with(element: element)
    result.dimensions.remove(at: dimension)
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let shape = operands[0].shape
    let walks = shape.indices.map { [$0] }
    return Factors(
      sizes: shape, operands: [walks], results: [walks.filter { $0 != [dimension] }],
      whole: [dimension])
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0]
    let lines = Lines(x.shape, along: dimension)
    let isBetter = isBetter(x)
    let found = lines.starts.map { start in
      // Of no valid elements the first place is named, as of equal ones.
      (1..<max(1, lines.length)).reduce(0) { best, index in
        isBetter(start + index * lines.stride, start + best * lines.stride) ? index : best
      }
    }
    return [HostArray(element, types[0].shape, integers: found.map(Int64.init))]
  }

  private func isBetter(_ x: HostArray) -> (Int, Int) -> Bool {
    let isSmaller = x.isSmaller
    guard extreme == .smallest else { return { isSmaller($1, $0) } }
    let isNumber = { (position: Int) in !x[position].double.isNaN }
    return { new, best in
      isNumber(best) && (isSmaller(new, best) || !isNumber(new))
    }
  }
}
