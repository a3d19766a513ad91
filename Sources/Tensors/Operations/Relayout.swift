import DeepEPElements

/// The same numbers laid out in memory in another way.
package struct Relayout: Operation {
  /// The layout of the result.
  package var layout: Layout
  package var name: String { "relayout" }

  package init(layout: Layout) {
    self.layout = layout
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    var result = operands[0]
    result.layout = .rowMajor
    if case .opaque(let format, let bytes) = layout, bytes < result.byteCount {
      throw ShapeError(name, "\(bytes) bytes of \(format) do not hold \(result)")
    }
    result.layout = layout
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = Factors.elementwise(results[0].shape, operands: 1, flops: 0)
    // A library's format is of the whole tensor.
    factors.whole = Set(factors.sizes.indices)
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] { operands }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradient.apply(Relayout(layout: context.operands[0].type.layout))
  }
}

/// The same numbers in another memory.
package struct Transfer: Operation {
  /// The memory of the result.
  package var space: MemorySpace
  package var name: String { "transfer" }

  package init(space: MemorySpace) {
    self.space = space
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    var result = operands[0]
    result.space = space
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(results[0].shape, operands: 1, flops: 0)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] { operands }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradient.apply(Transfer(space: context.operands[0].type.space))
  }
}
