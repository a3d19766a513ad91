/// The sigmoid linear unit `x / (1 + exp(-x))` (Hendrycks, Gimpel: Gaussian Error Linear Units, 2016;
/// Ramachandran and others call it swish).
package struct Silu: Composite {
  package var name: String { "silu" }
  package var operandCount: Int { 1 }
  package var hasOwnGradient: Bool { true }

  package init() {}

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let x = operands[0]
    return [x / (1 + (-x).exponential())]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let x = context.operands[0]
    let share = x.sigmoid()
    return context.gradient * (share * (1 + x * (1 - share)))
  }
}

extension Tensor {
  /// The sigmoid linear unit `x / (1 + exp(-x))`.
  public func silu() -> Tensor { apply(Silu()) }
}
