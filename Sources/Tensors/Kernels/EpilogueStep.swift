import DeepEPElements

/// What a contraction does with its sums before they reach memory: one step of several.
package enum EpilogueStep: Hashable, Codable, Sendable {
  /// Adds the next operand, of the result's type, in whose memory the result may be made. Only the
  /// first step.
  case accumulate
  /// Adds the next operand, which has the given dimensions of the result and is repeated along the
  /// others.
  case add(along: [Int])
  /// Multiplies by such an operand.
  case multiply(along: [Int])
  /// Rounds to an element type. Only the last step, and not of sums that are accumulated.
  case convert(ElementType)

  /// Whether the step reads an operand.
  package var readsOperand: Bool {
    if case .convert = self { false } else { true }
  }

  /// How the operand is combined with the sum, and the dimensions of the result that it has; nil if
  /// there is no operand.
  package func combination(rank: Int) -> (function: BinaryFunction, dimensions: [Int])? {
    switch self {
    case .accumulate: (.add, Array(0..<rank))
    case .add(let dimensions): (.add, dimensions)
    case .multiply(let dimensions): (.multiply, dimensions)
    case .convert: nil
    }
  }
}

extension [EpilogueStep] {
  /// The number of operands that the steps read.
  package var operandCount: Int { count(where: \.readsOperand) }

  /// The type of what the steps make of a sum.
  func resultType(of sum: Type, _ operands: [Type]) throws -> Type {
    var rest = operands[...]
    var type = sum
    for (index, step) in enumerated() {
      if case .convert(let element) = step {
        guard index == count - 1, first != .accumulate, element.isFloatingPoint,
          sum.element.isFloatingPoint
        else {
          throw ShapeError(
            "contraction",
            "sums are rounded to floats, after all other steps, and accumulated as they are")
        }
        type = sum.with(element: element)
      } else if let operand = rest.popFirst() {
        try check(step, isFirst: index == 0, operand, sum)
      }
    }
    return type
  }

  private func check(_ step: EpilogueStep, isFirst: Bool, _ operand: Type, _ sum: Type) throws {
    guard let dimensions = step.combination(rank: sum.rank)?.dimensions else { return }
    try Broadcast(shape: sum.shape, dimensions: dimensions).expectDimensions(dimensions, of: sum)
    guard dimensions == dimensions.sorted(),
      operand == sum.with(shape: dimensions.map { sum.shape[$0] }),
      isFirst || step != .accumulate
    else {
      throw ShapeError(
        "contraction",
        "\(operand) is not what its sums of \(sum) are combined with along \(dimensions)")
    }
  }

  /// What the steps make of sums, one after the other.
  func evaluate(_ sums: HostArray, _ operands: [HostArray]) -> HostArray {
    var rest = operands[...]
    return reduce(sums) { value, step in
      if case .convert(let element) = step {
        return Convert(element: element)
          .evaluate([value], types: [value.type.with(element: element)])[0]
      }
      guard let (function, dimensions) = step.combination(rank: value.shape.count),
        let operand = rest.popFirst()
      else { return value }
      let spread = Broadcast(shape: value.shape, dimensions: dimensions)
        .evaluate([operand], types: [value.type])
      return Binary(function: function).evaluate([value] + spread, types: [value.type])[0]
    }
  }
}
