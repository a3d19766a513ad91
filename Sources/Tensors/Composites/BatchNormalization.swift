/// Batch normalisation: every channel has mean zero and variance one over all other dimensions
/// (Ioffe, Szegedy: Batch Normalization, 2015).
///
/// Operands: `x [..., channels, ...]`, `weight [channels]`, `bias [channels]`. Results: the normalised
/// tensor, and the mean and the (biased) variance of each channel, for backward and for running
/// statistics.
package struct BatchNormalization: Composite {
  /// The dimension that counts channels.
  package var dimension: Int
  /// Added to the variance.
  package var epsilon: Double
  package var name: String { "batchNorm" }
  package var operandCount: Int { 3 }
  package var hasOwnGradient: Bool { true }
  package var differentiableResults: Int { 3 }

  package init(dimension: Int, epsilon: Double) {
    self.dimension = dimension
    self.epsilon = epsilon
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: operandCount)
    let x = operands[0]
    guard x.dimensions.indices.contains(dimension), x.element.isFloatingPoint else {
      throw ShapeError(name, "\(x) has no dimension \(dimension) of channels")
    }
    let channel = x.with(shape: [x.shape[dimension]])
    guard operands[1] == channel, operands[2] == channel else {
      throw ShapeError(
        name, "weight and bias must be \(channel), got \(operands[1]) and \(operands[2])")
    }
    return [x, channel, channel]
  }

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let x = operands[0]
    let mean = x.mean(others(x))
    let centred = x - spread(mean, x)
    let variance = (centred * centred).mean(others(x))
    let scale = (variance + epsilon).reciprocalSquareRoot() * operands[1]
    return [centred * spread(scale, x) + spread(operands[2], x), mean, variance]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, g) = (context.operands[0], context.gradient)
    if operand == 2 { return g.sum(others(x)) }
    let scale = (context.results[2] + epsilon).reciprocalSquareRoot()
    let centred = x - spread(context.results[1], x)
    let normal = centred * spread(scale, x)
    if operand == 1 { return (g * normal).sum(others(x)) }
    let along = spread((g * normal).mean(others(x)), x)
    let byNormal =
      spread(scale * context.operands[1], x) * (g - spread(g.mean(others(x)), x) - normal * along)
    return byStatistics(context, centred).reduce(byNormal, +)
  }

  /// The gradients that arrive by the mean and the variance, where there are any.
  private func byStatistics(_ context: GradientContext, _ centred: Tensor) -> [Tensor] {
    let channels = max(1, context.results[1].type.elementCount)
    let share = Double(channels) / Double(max(1, centred.type.elementCount))
    let byMean = context.gradients[1].map { spread($0 * share, centred) }
    let byVariance = context.gradients[2].map { spread($0 * (2 * share), centred) * centred }
    return [byMean, byVariance].compactMap { $0 }
  }

  /// All dimensions but that of the channels.
  private func others(_ x: Tensor) -> [Int] { x.shape.indices.filter { $0 != dimension } }

  /// A number for each channel, repeated over all other dimensions.
  private func spread(_ channel: Tensor, _ x: Tensor) -> Tensor {
    channel.isPoisoned ? channel : channel.broadcast(to: x.shape, dimensions: [dimension])
  }
}

extension Tensor {
  /// This tensor with every channel normalised over all other dimensions, scaled and shifted; and the
  /// mean and the biased variance of each channel, `[channels]`.
  package func batchNorm(
    weight: Tensor, bias: Tensor, dimension: Int, epsilon: Double
  ) -> (normal: Tensor, mean: Tensor, variance: Tensor) {
    let results = applyAll(
      BatchNormalization(dimension: dimension, epsilon: epsilon), [weight, bias])
    return results.count == 3
      ? (results[0], results[1], results[2]) : (results[0], results[0], results[0])
  }
}
