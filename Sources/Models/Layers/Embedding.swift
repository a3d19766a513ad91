import DeepEPTensors

/// A table of vectors, one for each of a number of identifiers.
public struct Embedding: Module {
  /// The table `[count, width]`.
  public let weight: Parameter

  /// Makes a table of `count` vectors of a width.
  public init(
    _ count: Int, _ width: Int, initializer: Initializer = .normal(deviation: 0.02),
    axes: [DimensionAxes] = [.axis(.vocabulary), .axis(.embed)]
  ) {
    weight = Parameter([count, width], initializer, axes: axes)
  }

  /// The vectors `[..., width]` of integer identifiers `[...]`.
  public func callAsFunction(_ identifiers: Tensor) -> Tensor {
    weight.tensor.gather(identifiers)
  }
}
