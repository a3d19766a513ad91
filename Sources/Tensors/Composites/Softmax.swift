/// The softmax over the last dimension.
package struct Softmax: Composite {
  package var name: String { "softmax" }
  package var operandCount: Int { 1 }
  package var hasOwnGradient: Bool { true }

  package init() {}

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let x = operands[0]
    let weights = (x - x.largest([-1]).alongLast(x)).exponential()
    return [weights / weights.sum([-1]).alongLast(x)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (y, g) = (context.results[0], context.gradient)
    return y * (g - (g * y).sum([-1]).alongLast(y))
  }
}

extension Tensor {
  /// The softmax over the last dimension.
  public func softmax() -> Tensor { apply(Softmax()) }

  /// A tensor without the last dimension, repeated along that of `other`.
  package func alongLast(_ other: Tensor) -> Tensor {
    isPoisoned ? self : broadcast(like: other, dimensions: Array(0..<rank))
  }
}
