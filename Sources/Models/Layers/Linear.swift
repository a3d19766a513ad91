import DeepEPTensors

/// A linear layer: `y = x · W + b` over the last dimension.
public struct Linear: Module {
  /// How the weight's dimensions are stored.
  public enum WeightLayout: Sendable {
    /// `[output, input]`, as `torch.nn.Linear` stores it.
    case outputByInput
    /// `[input, output]`, as Hugging Face's GPT-2 stores it (`Conv1D`).
    case inputByOutput
  }

  /// The weight.
  public let weight: Parameter
  /// The bias `[output]`, if there is one.
  public let bias: Parameter?
  private let layout: WeightLayout

  /// Makes a layer.
  ///
  /// - Parameters:
  ///   - input: The size of the input's last dimension.
  ///   - output: The size of the output's last dimension.
  ///   - hasBias: Whether a bias is added; it starts at zero.
  ///   - layout: How the weight is stored.
  ///   - initializer: The weight's first value as `[output, input]`; by default uniform with the bound
  ///     `1 / sqrt(input)`, as in PyTorch.
  public init(
    _ input: Int, _ output: Int, hasBias: Bool = true, layout: WeightLayout = .outputByInput,
    initializer: Initializer? = nil, axes: (input: DimensionAxes, output: DimensionAxes)? = nil
  ) {
    let first = initializer ?? .uniform(bound: 1 / Double(input).squareRoot())
    self.layout = layout
    switch layout {
    case .outputByInput:
      weight = Parameter([output, input], first, axes: axes.map { [$0.output, $0.input] } ?? [])
    case .inputByOutput:
      let axes = axes.map { [$0.input, $0.output] } ?? []
      weight = Parameter([input, output], .transposed(first), axes: axes)
    }
    bias = hasBias ? Parameter([output], .zeros, axes: axes.map { [$0.output] } ?? []) : nil
  }

  /// Makes a layer without a bias whose weight `[output, input]` is that of another module.
  public init(weight: Parameter) {
    (self.weight, bias, layout) = (weight, nil, .outputByInput)
  }

  /// `x · W + b` for `x [..., input]`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let y = x.matmul(weight, transposingRight: layout == .outputByInput)
    return bias.map { y + $0 } ?? y
  }
}
