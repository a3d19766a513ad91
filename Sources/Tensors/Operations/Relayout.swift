import DeepEPElements

/// The same numbers laid out in memory in another way.
package struct Relayout: Operation {
  /// The layout of the result.
  package var layout: Layout
  package var name: String { "relayout" }
  package var seesMemory: Bool { true }

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
  package var seesMemory: Bool { true }

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

extension Type {
  /// Whether the elements are rows in the device's memory: what operations compute with.
  package var isRowsOnDevice: Bool { layout == .rowMajor && space == .device }
}

extension Operation {
  /// Throws if an operand lies in a format or memory that the operation does not look into.
  func expectMemory(_ operands: [Type]) throws {
    guard !seesMemory, let operand = operands.first(where: { !$0.isRowsOnDevice }) else { return }
    throw ShapeError(
      name,
      "\(operand) is not made of rows in the device's memory; use relaid(as: .rowMajor) or "
        + "transferred(to: .device) first")
  }
}

extension Tensor {
  /// The sum of two tensors of one type, which may lie in a library's format or in another memory.
  package func sum(with other: Tensor) -> Tensor {
    guard !type.isRowsOnDevice, !isPoisoned else { return self + other }
    let total = rowsOnDevice + other.rowsOnDevice
    return total.relaid(as: type.layout).transferred(to: type.space)
  }

  private var rowsOnDevice: Tensor { relaid(as: .rowMajor).transferred(to: .device) }
}
