/// Layer normalisation over the last dimension (Ba, Kiros, Hinton: Layer Normalization, 2016).
///
/// Operands: `x [..., width]`, `weight [width]`, `bias [width]`. Results: the normalised tensor, and
/// for backward the mean and the reciprocal standard deviation of each row.
package struct LayerNormalization: Composite {
  /// Added to the variance.
  package var epsilon: Double
  package var name: String { "layerNorm" }
  package var operandCount: Int { 3 }
  package var hasOwnGradient: Bool { true }

  package init(epsilon: Double) {
    self.epsilon = epsilon
  }

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let (x, weight, bias) = (operands[0], operands[1], operands[2])
    let mean = x.mean([-1])
    let centred = x - mean.alongLast(x)
    let scale = ((centred * centred).mean([-1]) + epsilon).reciprocalSquareRoot()
    return [centred * scale.alongLast(x) * weight + bias, mean, scale]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, g) = (context.operands[0], context.gradient)
    let scale = context.results[2].alongLast(x)
    let normal = (x - context.results[1].alongLast(x)) * scale
    let rows = Array(0..<max(0, x.rank - 1))
    switch operand {
    case 0:
      let weighted = g * context.operands[1]
      let along = (weighted * normal).mean([-1]).alongLast(x)
      return scale * (weighted - weighted.mean([-1]).alongLast(x) - normal * along)
    case 1: return (g * normal).sum(rows)
    default: return g.sum(rows)
    }
  }
}

extension Tensor {
  /// This tensor normalised over the last dimension, scaled and shifted.
  public func layerNorm(
    weight: some TensorConvertible, bias: some TensorConvertible, epsilon: Double = 1e-5,
    file: String = #fileID, line: Int = #line
  ) -> Tensor {
    applyAll(
      LayerNormalization(epsilon: epsilon), [weight.tensor, bias.tensor],
      source: SourceLocation(file: file, line: line))[0]
  }
}
