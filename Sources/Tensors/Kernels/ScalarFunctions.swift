/// A function of one number, the same in graphs and kernels.
package enum UnaryFunction: String, Hashable, Codable, Sendable, CaseIterable {
  case negate, absolute, sign, exponential, logarithm, squareRoot, reciprocalSquareRoot
  case reciprocal, hyperbolicTangent, sine, cosine, errorFunction, floor
  /// The complement of a Boolean, or of the bits of an integer.
  case not
}

/// A function of two numbers of one type.
package enum BinaryFunction: String, Hashable, Codable, Sendable, CaseIterable {
  case add, subtract, multiply, divide, remainder, power, maximum, minimum
  case and, or, exclusiveOr, shiftLeft
  /// Fills with zeros for unsigned types and with the sign for signed ones.
  case shiftRight
}

/// A comparison of two numbers; false where one is not a number, `notEqual` then true.
package enum Comparison: String, Hashable, Codable, Sendable, CaseIterable {
  case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
}

/// How a reduction combines values.
public enum Reduction: String, Hashable, Codable, Sendable, CaseIterable {
  case sum, product, maximum, minimum
}
