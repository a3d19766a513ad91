import DeepEP

/// The square of what is positive (So et al.: Primer, 2021), with a gradient of its own.
struct SquaredReLU: Composite {
  var name: String { "squaredReLU" }
  var operandCount: Int { 1 }
  var hasOwnGradient: Bool { true }

  func body(_ operands: [Tensor]) -> [Tensor] {
    let positive = operands[0].relu()
    return [positive * positive]
  }

  func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    2 * context.operands[0].relu() * context.gradient
  }
}

extension Tensor {
  func squaredReLU() -> Tensor { applying(SquaredReLU()) }
}
