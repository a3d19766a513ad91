import DeepEPElements

/// Declares that only a first part of a fixed dimension is valid.
///
/// What lies beyond is undefined from then on: no result depends on it.
package struct Bounded: Operation {
  /// The dimension.
  package var dimension: Int
  /// The int32 scalar that says how much is valid: zero up to the size of the dimension.
  package var extent: Value
  package var name: String { "bounded" }
  package var seesExtents: Bool { true }

  package init(dimension: Int, extent: Value) {
    self.dimension = dimension
    self.extent = extent
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    guard operands[0].dimensions.indices.contains(dimension),
      case .fixed(let size) = operands[0].dimensions[dimension]
    else { throw ShapeError(name, "\(operands[0]) has no fixed dimension \(dimension)") }
    var result = operands[0]
    result.dimensions[dimension] = .bounded(maximum: size, extent: extent)
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .resizing(dimension, of: results[0].shape)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    [operands[0].cut(to: types[0].shape)]
  }

  package func mappingExtents(_ map: (Value) throws -> Value) rethrows -> Bounded {
    Bounded(dimension: dimension, extent: try map(extent))
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradient.unbounded(along: dimension, filling: 0)
  }
}

/// Makes a bounded dimension fixed, with a number in every place beyond the extent.
package struct Unbounded: Operation {
  /// The dimension.
  package var dimension: Int
  /// What stands beyond the extent.
  package var filling: Double
  package var name: String { "unbounded" }
  package var seesExtents: Bool { true }

  package init(dimension: Int, filling: Double) {
    self.dimension = dimension
    self.filling = filling
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    guard operands[0].dimensions.indices.contains(dimension),
      case .bounded(let maximum, _) = operands[0].dimensions[dimension]
    else { throw ShapeError(name, "\(operands[0]) has no bounded dimension \(dimension)") }
    var result = operands[0]
    result.dimensions[dimension] = .fixed(maximum)
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .resizing(dimension, of: results[0].shape)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    [operands[0].extended(to: types[0].shape, with: operands[0].element.scalar(filling))]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard let extent = context.operands[0].type.dimensions[dimension].extent else { return nil }
    return context.gradient.bounded(
      along: dimension, extent: Tensor(context.operands[0].trace, extent))
  }
}

extension Factors {
  /// The factors of an operation that changes how much of one dimension is valid: it stays whole.
  fileprivate static func resizing(_ dimension: Int, of shape: [Int]) -> Factors {
    var factors = Factors.elementwise(shape, operands: 1, flops: 0)
    factors.whole = [dimension]
    return factors
  }
}
