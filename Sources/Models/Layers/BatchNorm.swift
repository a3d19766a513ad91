import DeepEPTensors

/// Batch normalisation with a learned scale and shift for each channel, with the parameter names of
/// PyTorch's `BatchNorm1d` and `BatchNorm2d`.
///
/// In training the statistics are those of the batch, over all dimensions but that of the channels,
/// and running ones follow them; in evaluation the running ones are used. With gradient accumulation
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

  /// Makes a layer.
  ///
  /// - Parameters:
  ///   - channels: The number of channels.
  ///   - dimension: The dimension that counts them, by default 1, after that of the batch.
  ///   - momentum: The weight of a batch in the running statistics.
  ///   - epsilon: Added to the variance.
  public init(
    _ channels: Int, dimension: Int = 1, momentum: Double = 0.1, epsilon: Double = 1e-5
  ) {
    weight = Parameter([channels], .ones)
    bias = Parameter([channels], .zeros)
    runningMean = Parameter(statistic: [channels], .zeros)
    runningVar = Parameter(statistic: [channels], .ones)
    numBatchesTracked = Parameter(statistic: [], .zeros, element: .int64)
    (self.momentum, self.epsilon, self.dimension) = (momentum, epsilon, dimension)
  }

  /// The normalised input, in its shape `[batch, channels, ...]`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.isTraining ? byBatch(x) : byRunningStatistics(x)
  }

  private func byBatch(_ x: Tensor) -> Tensor {
    let result = x.batchNorm(
      weight: weight.tensor, bias: bias.tensor, dimension: dimension, epsilon: epsilon)
    let count = Double(x.type.elementCount / max(1, weight.type.elementCount))
    let unbiased = result.variance * (count / max(1, count - 1))
    follow(runningMean, result.mean, x)
    follow(runningVar, unbiased, x)
    numBatchesTracked.update(to: numBatchesTracked.tensor + 1, during: x)
    return result.normal
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
