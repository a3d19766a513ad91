/// Batch normalisation: every channel has mean zero and variance one over all other dimensions
/// (Ioffe, Szegedy: Batch Normalization, 2015).
///
/// Operands: `x [..., channels, ...]`, `weight [channels]`, `bias [channels]`. Results: the normalised
/// tensor, and the mean and the (biased) variance of each channel, for backward and for running
/// statistics: `[channels]`, or with several groups `[groups, channels]`.
///
/// With groups, dimension 0 counts examples, and each of that many equal parts of it, one after the
/// other, has statistics of its own.
package struct BatchNormalization: Composite {
  /// The dimension that counts channels.
  package var dimension: Int
  /// Added to the variance.
  package var epsilon: Double
  /// The number of parts of dimension 0 that are normalised each by itself.
  package var groups: Int
  package var name: String { "batchNorm" }
  package var operandCount: Int { 3 }
  package var hasOwnGradient: Bool { true }
  package var differentiableResults: Int { 3 }

  package init(dimension: Int, epsilon: Double, groups: Int = 1) {
    self.dimension = dimension
    self.epsilon = epsilon
    self.groups = groups
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
    try checkGroups(x)
    let statistic = groups == 1 ? channel : channel.with(shape: [groups] + channel.shape)
    return [x, statistic, statistic]
  }

  private func checkGroups(_ x: Type) throws {
    guard groups != 1 else { return }
    guard dimension != 0, groups > 1, x.shape[0] % groups == 0, !x.isBounded else {
      throw ShapeError(
        name,
        "the \(x.shape[0]) examples of \(x) do not make \(groups) equal groups; choose a number of "
          + "groups that divides the batch, with the channels in a dimension after it")
    }
  }

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let x = grouped(operands[0])
    let mean = x.mean(others(x))
    let centred = x - spread(mean, x)
    let variance = (centred * centred).mean(others(x))
    let scale = (variance + epsilon).reciprocalSquareRoot() * each(operands[1])
    let normal = centred * spread(scale, x) + spread(each(operands[2]), x)
    return [normal.reshaped(operands[0].shape), mean, variance]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, g) = (grouped(context.operands[0]), grouped(context.gradient))
    if operand == 2 { return total(g, x) }
    let scale = (context.results[2] + epsilon).reciprocalSquareRoot()
    let centred = x - spread(context.results[1], x)
    let normal = centred * spread(scale, x)
    if operand == 1 { return total(g * normal, x) }
    let along = spread((g * normal).mean(others(x)), x)
    let byNormal =
      spread(scale * each(context.operands[1]), x)
      * (g - spread(g.mean(others(x)), x) - normal * along)
    let all = byStatistics(context, centred).reduce(byNormal, +)
    return all.reshaped(context.operands[0].shape)
  }

  /// The gradients that arrive by the mean and the variance, where there are any.
  private func byStatistics(_ context: GradientContext, _ centred: Tensor) -> [Tensor] {
    let statistics = max(1, context.results[1].type.elementCount)
    let share = Double(statistics) / Double(max(1, centred.type.elementCount))
    let byMean = context.gradients[1].map { spread($0 * share, centred) }
    let byVariance = context.gradients[2].map { spread($0 * (2 * share), centred) * centred }
    return [byMean, byVariance].compactMap { $0 }
  }

  /// The tensor with the groups as a dimension of their own in front, if there are several.
  private func grouped(_ x: Tensor) -> Tensor {
    guard groups > 1, !x.isPoisoned else { return x }
    return x.reshaped([groups, x.shape[0] / groups] + x.shape.dropFirst())
  }

  /// The dimensions of the grouped tensor that have statistics of their own.
  private var kept: [Int] { groups > 1 ? [0, dimension + 1] : [dimension] }

  /// All other dimensions of the grouped tensor.
  private func others(_ x: Tensor) -> [Int] { x.shape.indices.filter { !kept.contains($0) } }

  /// A statistic, repeated over all other dimensions.
  private func spread(_ statistic: Tensor, _ x: Tensor) -> Tensor {
    statistic.isPoisoned ? statistic : statistic.broadcast(to: x.shape, dimensions: kept)
  }

  /// A number for each channel, the same in all groups.
  private func each(_ channel: Tensor) -> Tensor {
    guard groups > 1, !channel.isPoisoned else { return channel }
    return channel.broadcast(to: [groups] + channel.shape, dimensions: [1])
  }

  /// The sum for each channel, over all groups.
  private func total(_ g: Tensor, _ x: Tensor) -> Tensor {
    g.sum(x.shape.indices.filter { $0 != kept.last })
  }
}

extension Tensor {
  /// This tensor with every channel normalised over all other dimensions, scaled and shifted; and the
  /// mean and the biased variance of each channel, `[channels]`; with several groups of examples each
  /// is normalised by itself, and the statistics are `[groups, channels]`.
  package func batchNorm(
    weight: Tensor, bias: Tensor, dimension: Int, epsilon: Double, groups: Int = 1
  ) -> (normal: Tensor, mean: Tensor, variance: Tensor) {
    let results = applyAll(
      BatchNormalization(dimension: dimension, epsilon: epsilon, groups: groups), [weight, bias])
    return results.count == 3
      ? (results[0], results[1], results[2]) : (results[0], results[0], results[0])
  }
}
