import DeepEPElements
import Glibc

/// One number of the interpreter.
package enum Scalar: Hashable, Sendable {
  case floating(Double)
  case integer(Int64)

  package var double: Double {
    switch self {
    case .floating(let number): number
    case .integer(let integer): Double(integer)
    }
  }

  package var integer: Int64 {
    switch self {
    case .floating(let number): ElementType.int64.integer(from: number)
    case .integer(let integer): integer
    }
  }
}

extension ElementType {
  /// A number stored as this type.
  package func scalar(_ number: Double) -> Scalar {
    isFloatingPoint ? .floating(rounded(number)) : .integer(integer(from: number))
  }

  /// A scalar of type `source` converted to this type.
  package func converted(_ scalar: Scalar, from source: ElementType) -> Scalar {
    switch scalar {
    case .floating(let number): return self.scalar(number)
    case .integer(let integer):
      if self == .bool { return .integer(integer != 0 ? 1 : 0) }
      if !isFloatingPoint { return .integer(wrapped(integer)) }
      let number = source == .uint64 ? Double(UInt64(bitPattern: integer)) : Double(integer)
      return .floating(rounded(number))
    }
  }
}

extension UnaryFunction {
  /// The function of a scalar of a type, rounded to that type.
  package func evaluate(_ x: Scalar, _ element: ElementType) -> Scalar {
    switch x {
    case .floating(let number): .floating(element.rounded(evaluate(number)))
    case .integer(let integer): .integer(element.wrapped(evaluate(integer, element)))
    }
  }

  private func evaluate(_ x: Double) -> Double {
    switch self {
    case .negate: -x
    case .absolute: abs(x)
    case .sign: x > 0 ? 1 : x < 0 ? -1 : x
    case .exponential: exp(x)
    case .logarithm: log(x)
    case .squareRoot: x.squareRoot()
    case .reciprocalSquareRoot: 1 / x.squareRoot()
    case .reciprocal: 1 / x
    case .hyperbolicTangent: tanh(x)
    case .sine: sin(x)
    case .cosine: cos(x)
    case .errorFunction: erf(x)
    case .floor: x.rounded(.down)
    case .not: x == 0 ? 1 : 0
    }
  }

  private func evaluate(_ x: Int64, _ element: ElementType) -> Int64 {
    switch self {
    case .negate: 0 &- x
    case .absolute: element.isSignedInteger && x < 0 ? 0 &- x : x
    case .sign: element.isSignedInteger ? x.signum() : x == 0 ? 0 : 1
    case .not: element == .bool ? 1 - x : ~x
    default: element.integer(from: evaluate(Double(x)))
    }
  }
}

extension BinaryFunction {
  /// The function of two scalars of a type, rounded to that type.
  package func evaluate(_ x: Scalar, _ y: Scalar, _ element: ElementType) -> Scalar {
    if case .floating(let left) = x, case .floating(let right) = y {
      return .floating(element.rounded(evaluate(left, right)))
    }
    return .integer(element.wrapped(evaluate(x.integer, y.integer, element)))
  }

  private func evaluate(_ x: Double, _ y: Double) -> Double {
    switch self {
    case .add: x + y
    case .subtract: x - y
    case .multiply: x * y
    case .divide: x / y
    case .remainder: fmod(x, y)
    case .power: pow(x, y)
    case .maximum: x.isNaN || y.isNaN ? .nan : Swift.max(x, y)
    case .minimum: x.isNaN || y.isNaN ? .nan : Swift.min(x, y)
    default: .nan
    }
  }

  private func evaluate(_ x: Int64, _ y: Int64, _ element: ElementType) -> Int64 {
    let isSigned = element.isSignedInteger
    let (left, right) = (UInt64(bitPattern: x), UInt64(bitPattern: y))
    let bits = Int64(element.integerBitCount)
    switch self {
    case .add: return x &+ y
    case .subtract: return x &- y
    case .multiply: return x &* y
    case .divide:
      if y == 0 { return 0 }
      return isSigned
        ? x.dividedReportingOverflow(by: y).partialValue : Int64(bitPattern: left / right)
    case .remainder:
      if y == 0 { return 0 }
      return isSigned ? (y == -1 ? 0 : x % y) : Int64(bitPattern: left % right)
    case .power: return element.integer(from: pow(Double(x), Double(y)))
    case .maximum: return isSigned ? Swift.max(x, y) : Int64(bitPattern: Swift.max(left, right))
    case .minimum: return isSigned ? Swift.min(x, y) : Int64(bitPattern: Swift.min(left, right))
    case .and: return x & y
    case .or: return x | y
    case .exclusiveOr: return x ^ y
    case .shiftLeft: return y >= 0 && y < bits ? x << y : 0
    case .shiftRight:
      guard y >= 0, y < bits else { return isSigned && x < 0 ? -1 : 0 }
      return isSigned ? x >> y : Int64(bitPattern: left >> right)
    }
  }
}

extension Comparison {
  /// Whether the comparison holds between two scalars of a type.
  package func evaluate(_ x: Scalar, _ y: Scalar, _ element: ElementType) -> Bool {
    if case .floating(let left) = x, case .floating(let right) = y { return holds(left, right) }
    if element.isSignedInteger { return holds(x.integer, y.integer) }
    return holds(UInt64(bitPattern: x.integer), UInt64(bitPattern: y.integer))
  }

  private func holds<Number: Comparable>(_ x: Number, _ y: Number) -> Bool {
    switch self {
    case .equal: x == y
    case .notEqual: x != y
    case .less: x < y
    case .lessOrEqual: x <= y
    case .greater: x > y
    case .greaterOrEqual: x >= y
    }
  }
}

extension Reduction {
  /// The value that changes nothing.
  package func identity(_ element: ElementType) -> Scalar {
    switch self {
    case .sum: element.scalar(0)
    case .product: element.scalar(1)
    // Every number but zero is true.
    case .maximum: element == .bool ? .integer(0) : element.scalar(-.infinity)
    case .minimum: element == .uint64 ? .integer(-1) : element.scalar(.infinity)
    }
  }

  /// The function that combines two values.
  package var function: BinaryFunction {
    switch self {
    case .sum: .add
    case .product: .multiply
    case .maximum: .maximum
    case .minimum: .minimum
    }
  }
}

extension HostArray {
  /// Element `position` in row-major order.
  package subscript(position: Int) -> Scalar {
    switch storage {
    case .floating(let numbers): .floating(numbers[position])
    case .integer(let integers): .integer(integers[position])
    }
  }

  /// Makes an array of scalars that are already of the element type.
  package init(_ element: ElementType, _ shape: [Int], scalars: [Scalar]) {
    if element.isFloatingPoint {
      self.init(element, shape, scalars.map(\.double))
    } else {
      self.init(element, shape, integers: scalars.map(\.integer))
    }
  }
}
