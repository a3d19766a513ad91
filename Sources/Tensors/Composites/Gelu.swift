/// The Gaussian error linear unit in its tanh form (Hendrycks, Gimpel: Gaussian Error Linear Units,
/// 2016), as GPT-2 uses it.
package struct Gelu: Composite {
  package var name: String { "gelu" }
  package var operandCount: Int { 1 }
  package var hasOwnGradient: Bool { true }

  package init() {}

  private static let scale = 0.7978845608028654  // sqrt(2 / pi)
  private static let cubic = 0.044715

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let x = operands[0]
    return [0.5 * x * (1 + bend(x))]
  }

  private func bend(_ x: Tensor) -> Tensor {
    (Self.scale * x * (1 + Self.cubic * x * x)).hyperbolicTangent()
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let x = context.operands[0]
    let bend = bend(x)
    let slope = Self.scale * (1 + 3 * Self.cubic * x * x)
    return context.gradient * (0.5 * (1 + bend) + 0.5 * x * (1 - bend * bend) * slope)
  }
}

extension Tensor {
  /// The Gaussian error linear unit in its tanh form.
  public func gelu() -> Tensor { apply(Gelu()) }
}
