/// What a named value is, by which strategies decide how it is split.
package enum NamedRole: String, Hashable, Codable, Sendable {
  /// A value of the model: split by the rules for activations.
  case activation
  /// The whole gradient by a parameter: split as the optimiser's state of that parameter.
  case gradient
}

/// The same value, with a meaning for each dimension.
///
/// The `partition` transform reads the names and removes the node.
package struct Named: Operation {
  package var axes: [DimensionAxes]
  package var role: NamedRole
  package var name: String { "named" }
  package var seesMemory: Bool { true }

  package init(_ axes: [DimensionAxes], role: NamedRole = .activation) {
    self.axes = axes
    self.role = role
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    let sizes = operands[0].shape
    guard axes.isEmpty || axes.count == sizes.count,
      zip(axes, sizes).allSatisfy({ $0.factors(of: $1) != nil })
    else { throw ShapeError(name, "the names do not fit the dimensions of \(operands[0])") }
    return operands
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(results[0].shape, operands: 1, flops: 0)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] { operands }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradient.apply(Named(axes))
  }
}

extension Tensor {
  /// The same tensor with a meaning for each dimension, which tells a strategy how it may be split.
  ///
  /// - Parameter axes: One for each dimension; nil for a dimension without a meaning.
  public func named(_ axes: LogicalAxis?...) -> Tensor { apply(Named(axes.map { .axis($0) })) }
}
