import DeepEPElements

extension Tensor {
  /// A function of each element.
  package func unary(_ function: UnaryFunction) -> Tensor { apply(Unary(function: function)) }

  /// A function of corresponding elements; shapes are broadcast from the right as in NumPy.
  package func binary(_ function: BinaryFunction, _ other: Tensor) -> Tensor {
    let (x, y) = Tensor.aligned(self, other, for: function.rawValue)
    return x.apply(Binary(function: function), y)
  }

  /// A comparison of corresponding elements; shapes are broadcast from the right as in NumPy.
  package func compare(_ comparison: Comparison, _ other: Tensor) -> Tensor {
    let (x, y) = Tensor.aligned(self, other, for: comparison.rawValue)
    return x.apply(Compare(comparison: comparison), y)
  }

  /// `first` where this Boolean tensor is true, otherwise `second`.
  package func select(_ first: Tensor, _ second: Tensor) -> Tensor {
    apply(Select(), first, second)
  }

  /// Both tensors in the shape to which they broadcast.
  private static func aligned(_ x: Tensor, _ y: Tensor, for name: String) -> (Tensor, Tensor) {
    guard x.shape != y.shape, !x.isPoisoned, !y.isPoisoned else { return (x, y) }
    // Extents are values of a trace, so both tensors must be of one.
    let (x, y) = Trace.together(x, y)
    let rank = max(x.rank, y.rank)
    let pad = { (type: Type) in
      Array(repeating: Dimension.fixed(1), count: rank - type.rank) + type.dimensions
    }
    let pairs = Array(zip(pad(x.type), pad(y.type)))
    guard pairs.allSatisfy({ mayMatch($0, $1) }) else {
      let home = Trace.home(of: [x, y])
      home.fail(
        ShapeError(
          name, "\(x.type) and \(y.type) do not match: from the right, sizes are equal or one is 1")
      )
      return (Tensor(home, nil), Tensor(home, nil))
    }
    let target = pairs.map { $0 == .fixed(1) ? $1 : $0 }
    return (x.broadcast(to: target), y.broadcast(to: target))
  }

  /// Extents that are not fixed are compared where they are known.
  private static func mayMatch(_ x: Dimension, _ y: Dimension) -> Bool {
    guard case .fixed(let x) = x, case .fixed(let y) = y else { return true }
    return x == y || x == 1 || y == 1
  }

  /// Elements as another element type.
  public func converted(to element: ElementType) -> Tensor {
    type.element == element ? self : apply(Convert(element: element))
  }

  /// The sum of corresponding elements.
  public static func + (x: Tensor, y: Tensor) -> Tensor { x.binary(.add, y) }
  /// The difference of corresponding elements.
  public static func - (x: Tensor, y: Tensor) -> Tensor { x.binary(.subtract, y) }
  /// The product of corresponding elements.
  public static func * (x: Tensor, y: Tensor) -> Tensor { x.binary(.multiply, y) }
  /// The quotient of corresponding elements.
  public static func / (x: Tensor, y: Tensor) -> Tensor { x.binary(.divide, y) }
  /// The sum of each element and a parameter's.
  public static func + (x: Tensor, y: Parameter) -> Tensor { x + y.tensor }
  /// The product of each element and a parameter's.
  public static func * (x: Tensor, y: Parameter) -> Tensor { x * y.tensor }
  /// The sum of each element and a number.
  public static func + (x: Tensor, y: Double) -> Tensor { x + x.filled(with: y) }
  /// The difference of each element and a number.
  public static func - (x: Tensor, y: Double) -> Tensor { x - x.filled(with: y) }
  /// The product of each element and a number.
  public static func * (x: Tensor, y: Double) -> Tensor { x * x.filled(with: y) }
  /// The quotient of each element and a number.
  public static func / (x: Tensor, y: Double) -> Tensor { x / x.filled(with: y) }
  /// The sum of a number and each element.
  public static func + (x: Double, y: Tensor) -> Tensor { y.filled(with: x) + y }
  /// The difference of a number and each element.
  public static func - (x: Double, y: Tensor) -> Tensor { y.filled(with: x) - y }
  /// The product of a number and each element.
  public static func * (x: Double, y: Tensor) -> Tensor { y.filled(with: x) * y }
  /// The quotient of a number and each element.
  public static func / (x: Double, y: Tensor) -> Tensor { y.filled(with: x) / y }
  /// Each element with the other sign.
  public static prefix func - (x: Tensor) -> Tensor { x.unary(.negate) }

  /// Each element to a power.
  public func power(_ exponent: Tensor) -> Tensor { binary(.power, exponent) }
  /// Each element to a power.
  public func power(_ exponent: Double) -> Tensor { power(filled(with: exponent)) }
  /// The exponential of each element.
  public func exponential() -> Tensor { unary(.exponential) }
  /// The natural logarithm of each element.
  public func logarithm() -> Tensor { unary(.logarithm) }
  /// The hyperbolic tangent of each element.
  public func hyperbolicTangent() -> Tensor { unary(.hyperbolicTangent) }
  /// The logistic function `1 / (1 + exp(-x))` of each element.
  public func sigmoid() -> Tensor { 1 / (1 + (-self).exponential()) }
  /// Each element without its sign.
  public func absolute() -> Tensor { unary(.absolute) }
  /// The sine of each element.
  public func sine() -> Tensor { unary(.sine) }
  /// The cosine of each element.
  public func cosine() -> Tensor { unary(.cosine) }
  /// The square root of each element.
  public func squareRoot() -> Tensor { unary(.squareRoot) }
  /// One over the square root of each element.
  public func reciprocalSquareRoot() -> Tensor { unary(.reciprocalSquareRoot) }
  /// The larger of corresponding elements.
  public func maximum(_ other: Tensor) -> Tensor { binary(.maximum, other) }
  /// The smaller of corresponding elements.
  public func minimum(_ other: Tensor) -> Tensor { binary(.minimum, other) }
  /// Each element where it is positive, otherwise zero.
  public func relu() -> Tensor { maximum(filled(with: 0)) }
}
