/// Normalisation by the root mean square over the last dimension (Zhang, Sennrich: Root Mean Square
/// Layer Normalization, 2019), as Llama uses it.
///
/// Operands: `x [..., width]` and `weight [width]`. Results: `x / sqrt(mean(x²) + epsilon) · weight`,
/// and for backward the reciprocal root of each row.
package struct RootMeanSquareNormalization: Composite {
  /// Added to the mean of the squares.
  package var epsilon: Double
  package var name: String { "rmsNorm" }
  package var operandCount: Int { 2 }
  package var hasOwnGradient: Bool { true }

  package init(epsilon: Double) {
    self.epsilon = epsilon
  }

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let (x, weight) = (operands[0], operands[1])
    let scale = ((x * x).mean([-1]) + epsilon).reciprocalSquareRoot()
    return [x * scale.alongLast(x) * weight, scale]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, g) = (context.operands[0], context.gradient)
    let scale = context.results[1].alongLast(x)
    let normal = x * scale
    guard operand == 0 else { return (g * normal).sum(Array(0..<max(0, x.rank - 1))) }
    let weighted = g * context.operands[1]
    return scale * (weighted - normal * (weighted * normal).mean([-1]).alongLast(x))
  }
}

extension Tensor {
  /// This tensor divided by the root mean square of its last dimension, and scaled.
  public func rmsNorm(
    weight: some TensorConvertible, epsilon: Double = 1e-5, file: String = #fileID,
    line: Int = #line
  ) -> Tensor {
    applyAll(
      RootMeanSquareNormalization(epsilon: epsilon), [weight.tensor],
      source: SourceLocation(file: file, line: line))[0]
  }
}
