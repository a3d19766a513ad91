import DeepEPTensors

/// Batch normalisation with a learned scale and shift for each channel, with the parameter names of
/// PyTorch's `BatchNorm1d` and `BatchNorm2d`.
///
/// In training the statistics are those of the batch, or of groups of its examples, over all dimensions
/// but that of the channels, and running ones follow their mean; in evaluation the running ones are used. With gradient accumulation
/// each micro-batch is normalised by itself, and the running statistics follow one after the other.
public struct BatchNorm: Module {
  /// The scale `[channels]`; starts at one.
  public let weight: Parameter
  /// The shift `[channels]`; starts at zero.
  public let bias: Parameter
  /// The running mean `[channels]`.
  public let runningMean: Parameter
  /// The running unbiased variance `[channels]`.
  public let runningVar: Parameter
  /// The number of batches that the running statistics have followed, an int64 scalar.
  public let numBatchesTracked: Parameter
  private let momentum: Double
  private let epsilon: Double
  private let dimension: Int
  private let statistics: BatchStatistics

  /// Makes a layer.
  ///
  /// - Parameters:
  ///   - channels: The number of channels.
  ///   - dimension: The dimension that counts them, by default 1, after that of the batch.
  ///   - statistics: The examples that are normalised together.
  ///   - momentum: The weight of a batch in the running statistics.
  ///   - epsilon: Added to the variance.
  public init(
    _ channels: Int, dimension: Int = 1, statistics: BatchStatistics = .wholeBatch,
    momentum: Double = 0.1, epsilon: Double = 1e-5
  ) {
    weight = Parameter([channels], .ones)
    bias = Parameter([channels], .zeros)
    runningMean = Parameter(statistic: [channels], .zeros)
    runningVar = Parameter(statistic: [channels], .ones)
    numBatchesTracked = Parameter(statistic: [], .zeros, element: .int64)
    (self.momentum, self.epsilon) = (momentum, epsilon)
    (self.dimension, self.statistics) = (dimension, statistics)
  }

  /// The normalised input, in its shape `[batch, channels, ...]`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.isTraining ? byBatch(x) : byRunningStatistics(x)
  }

  private func byBatch(_ x: Tensor) -> Tensor {
    let groups = statistics.groups
    let result = x.batchNorm(
      weight: weight.tensor, bias: bias.tensor, dimension: dimension, epsilon: epsilon,
      groups: groups)
    let count = Double(x.type.elementCount / max(1, weight.type.elementCount * max(1, groups)))
    follow(runningMean, overGroups(result.mean), x)
    follow(runningVar, overGroups(result.variance) * (count / max(1, count - 1)), x)
    numBatchesTracked.update(to: numBatchesTracked.tensor + 1, during: x)
    return result.normal
  }

  private func overGroups(_ statistic: Tensor) -> Tensor {
    statistics.groups > 1 ? statistic.mean([0]) : statistic
  }

  private func follow(_ running: Parameter, _ batch: Tensor, _ x: Tensor) {
    running.update(to: running.tensor * (1 - momentum) + batch * momentum, during: x)
  }

  private func byRunningStatistics(_ x: Tensor) -> Tensor {
    // The shape is checked where the batch is normalised.
    guard x.shape.indices.contains(dimension) else { return byBatch(x) }
    let spread = { (channel: Tensor) in channel.broadcast(to: x.shape, dimensions: [dimension]) }
    let scale = (runningVar.tensor + epsilon).reciprocalSquareRoot() * weight
    return (x - spread(runningMean.tensor)) * spread(scale) + spread(bias.tensor)
  }
}
