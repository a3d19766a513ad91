import DeepEPElements

/// A function of each element.
package struct Unary: Operation {
  /// The function.
  package var function: UnaryFunction

  package init(function: UnaryFunction) {
    self.function = function
  }
  /// The function's name.
  package var name: String { function.rawValue }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    try expect(function.accepts(operands[0].element), operands[0])
    return operands
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(results[0].shape, operands: 1)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0]
    let scalars = (0..<x.count).map { function.evaluate(x[$0], x.element) }
    return [HostArray(x.element, x.shape, scalars: scalars)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, y, g) = (context.operands[0], context.results[0], context.gradient)
    switch function {
    case .negate: return -g
    case .absolute: return g * x.unary(.sign)
    case .exponential: return g * y
    case .logarithm: return g / x
    case .squareRoot: return g / (2 * y)
    case .reciprocalSquareRoot: return g * (-0.5 * y * y * y)
    case .reciprocal: return -g * y * y
    case .hyperbolicTangent: return g * (1 - y * y)
    case .sine: return g * x.unary(.cosine)
    case .cosine: return -g * x.unary(.sine)
    case .errorFunction: return g * (1.1283791670955126 * (-(x * x)).exponential())
    case .sign, .floor, .not: return nil
    }
  }
}

/// A function of corresponding elements of two operands of one type.
package struct Binary: Operation {
  /// The function.
  package var function: BinaryFunction

  package init(function: BinaryFunction) {
    self.function = function
  }
  /// The function's name.
  package var name: String { function.rawValue }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    let type = try expectSame(operands, count: 2)
    try expect(function.accepts(type.element), type)
    return [type]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(results[0].shape, operands: 2)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (x, y) = (operands[0], operands[1])
    let scalars = (0..<x.count).map { function.evaluate(x[$0], y[$0], x.element) }
    return [HostArray(x.element, x.shape, scalars: scalars)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, y) = (context.operands[0], context.operands[1])
    let (g, z) = (context.gradient, context.results[0])
    switch function {
    case .add: return g
    case .subtract: return operand == 0 ? g : -g
    case .multiply: return g * (operand == 0 ? y : x)
    case .divide: return operand == 0 ? g / y : -g * z / y
    case .remainder: return operand == 0 ? g : -g * ((x - z) / y)
    case .power: return operand == 0 ? g * y * x.power(y - 1) : g * z * x.logarithm()
    case .maximum, .minimum: return g * share(operand == 0 ? x : y, operand == 0 ? y : x, z)
    default: return nil
    }
  }

  /// How much of the result's gradient an operand gets: all if it is the result, half in a tie.
  private func share(_ mine: Tensor, _ other: Tensor, _ result: Tensor) -> Tensor {
    let half = result.filled(with: 0.5)
    let whole = mine.compare(.equal, other).select(half, result.filled(with: 1))
    return mine.compare(.equal, result).select(whole, result.filled(with: 0))
  }
}

/// A comparison of corresponding elements; the result is Boolean.
package struct Compare: Operation {
  /// The comparison.
  package var comparison: Comparison

  package init(comparison: Comparison) {
    self.comparison = comparison
  }
  /// The comparison's name.
  package var name: String { comparison.rawValue }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    [try expectSame(operands, count: 2).with(element: .bool)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(results[0].shape, operands: 2)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (x, y) = (operands[0], operands[1])
    let truths = (0..<x.count).map { comparison.evaluate(x[$0], y[$0], x.element) ? 1.0 : 0 }
    return [HostArray(.bool, x.shape, truths)]
  }
}

/// The second operand where the first, a Boolean, is true; otherwise the third.
package struct Select: Operation {
  package var name: String { "select" }

  package init() {}

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 3)
    let result = operands[1]
    guard operands[2] == result, operands[0] == result.with(element: .bool) else {
      throw ShapeError(
        name, "needs a bool of the shape of two like operands, got \(operands.map(\.description))")
    }
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(results[0].shape, operands: 3, flops: 0)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let scalars = (0..<operands[0].count).map {
      operands[operands[0][$0].integer != 0 ? 1 : 2][$0]
    }
    return [HostArray(operands[1].element, operands[1].shape, scalars: scalars)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard operand > 0 else { return nil }
    let (g, zero) = (context.gradient, context.gradient.filled(with: 0))
    return operand == 1
      ? context.operands[0].select(g, zero) : context.operands[0].select(zero, g)
  }
}

/// The same numbers as another element type.
package struct Convert: Operation {
  /// The element type of the result.
  package var element: ElementType
  package var name: String { "convert" }

  package init(element: ElementType) {
    self.element = element
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    return [operands[0].with(element: element)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(results[0].shape, operands: 1, flops: 0)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0]
    let scalars = (0..<x.count).map { element.converted(x[$0], from: x.element) }
    return [HostArray(element, x.shape, scalars: scalars)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let source = context.operands[0].type.element
    guard source.isFloatingPoint, element.isFloatingPoint else { return nil }
    return context.gradient.converted(to: source)
  }
}

extension Operation {
  /// Throws unless the function has a meaning for the elements of a type.
  fileprivate func expect(_ isAccepted: Bool, _ type: Type) throws {
    guard !isAccepted else { return }
    throw ShapeError(
      name, "has no meaning for \(type); convert it first, with converted(to:)")
  }
}

extension UnaryFunction {
  /// Whether the function is defined for an element type.
  fileprivate func accepts(_ element: ElementType) -> Bool {
    switch self {
    case .not: !element.isFloatingPoint
    case .absolute: true
    case .negate, .sign: element != .bool
    default: element.isFloatingPoint
    }
  }
}

extension BinaryFunction {
  /// Whether the function is defined for an element type.
  fileprivate func accepts(_ element: ElementType) -> Bool {
    switch self {
    case .add, .multiply, .maximum, .minimum: true
    case .subtract, .divide, .remainder: element != .bool
    case .power: element.isFloatingPoint
    case .and, .or, .exclusiveOr: !element.isFloatingPoint
    case .shiftLeft, .shiftRight: !element.isFloatingPoint && element != .bool
    }
  }
}
