import DeepEPElements

/// What an operation that combines elements along a bounded dimension needs beyond the extent.
public enum ElementsBeyondExtent: Hashable, Sendable {
  /// The operation does not work along a bounded dimension.
  case refused
  /// They are replaced by a number; infinity stands for an integer's limit.
  case replaced(by: Double)
  /// They change no result whatever they are.
  case ignored
}

extension Operation {
  /// The result types of operands that may have bounded dimensions.
  ///
  /// A bounded dimension passes to the results that walk its factor. Operands that walk one factor
  /// together must have one extent there.
  ///
  /// - Throws: ``ShapeError`` if the operands do not fit, if a bounded dimension would be cut, joined
  ///   with others, or lost, or if an operand lies where the operation does not look.
  package func types(of operands: [Type]) throws -> [Type] {
    try expectMemory(operands)
    guard !seesExtents else { return try resultTypes(of: operands) }
    guard operands.contains(where: \.isBounded) else {
      let results = try resultTypes(of: operands)
      return results.contains(where: \.isBounded) ? try carried(operands, results) : results
    }
    return try carried(operands, resultTypes(of: operands.map(\.atMaximum)))
  }

  private func carried(_ operands: [Type], _ results: [Type]) throws -> [Type] {
    let factors = factors(operands: operands.map(\.atMaximum), results: results.map(\.atMaximum))
    var rule = ExtentRule(operation: name)
    for (position, operand) in operands.enumerated() {
      for (walk, dimension) in zip(factors.operands[position], operand.dimensions) {
        try rule.note(dimension, walk, of: operand)
      }
      let combined = combinedDimensions(position, operand, factors)
      for dimension in combined
      where elementsBeyondExtent(along: dimension, ofOperand: position, operand) == .refused {
        throw rule.error(operand, "it cannot work along dimension \(dimension), which is bounded")
      }
    }
    return try zip(results, factors.results).map { try rule.carried($0, $1) }
  }

  /// The bounded dimensions of an operand along which the operation combines elements.
  package func combinedDimensions(
    _ position: Int, _ operand: Type, _ factors: Factors
  ) -> [Int] {
    let combined = factors.reduced.union(factors.whole)
    return operand.dimensions.indices.filter { dimension in
      operand.dimensions[dimension].extent != nil
        && factors.operands[position][dimension].contains(where: combined.contains)
    }
  }
}

/// The extents of the factors of one operation.
private struct ExtentRule {
  let operation: String
  private var noted: [Int: (dimension: Dimension, type: Type)] = [:]

  init(operation: String) { self.operation = operation }

  func error(_ type: Type, _ problem: String) -> ShapeError {
    ShapeError(
      operation, "\(type): \(problem); make the dimension fixed first, with unbounded(filling:)")
  }

  private func conflict(_ first: Type, _ second: Type) -> ShapeError {
    ShapeError(
      operation,
      "\(first) and \(second) share a dimension, but not its extent; "
        + "bound both by the same value with bounded(along:extent:)")
  }

  /// Notes which extent the factor of an operand's dimension has.
  mutating func note(_ dimension: Dimension, _ walk: [Int], of type: Type) throws {
    if dimension.extent != nil, walk.count != 1 {
      throw error(type, "a bounded dimension can be neither repeated nor split")
    }
    guard walk.count == 1 else { return }
    if let known = noted[walk[0]], known.dimension.extent != dimension.extent {
      throw conflict(known.type, type)
    }
    noted[walk[0]] = (dimension, type)
  }

  /// A result type with the extents of the factors that it walks.
  func carried(_ result: Type, _ walks: [[Int]]) throws -> Type {
    var result = result
    for (position, walk) in walks.enumerated() {
      let known = walk.compactMap { noted[$0] }
      guard walk.count == 1 else {
        if let bounded = known.first(where: { $0.dimension.extent != nil }) {
          throw error(bounded.type, "a bounded dimension cannot be joined with others")
        }
        continue
      }
      guard let source = known.first else { continue }
      let own = result.dimensions[position].extent
      if own != nil, own != source.dimension.extent { throw conflict(source.type, result) }
      if source.dimension.extent != nil { result.dimensions[position] = source.dimension }
    }
    return result
  }
}

extension Reduction {
  /// The number that changes no result, as an element of a type can hold it: what masks put in place
  /// of elements that must not count.
  package func maskIdentity(_ element: ElementType) -> Double {
    // Every number but zero is true.
    if element == .bool { return self == .maximum || self == .sum ? 0 : 1 }
    let number = identity(.float64).double
    // The only type without an infinity.
    return element == .float8e4m3 && number.isInfinite ? (number < 0 ? -448 : 448) : number
  }
}
