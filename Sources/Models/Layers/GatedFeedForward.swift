import DeepEPTensors

/// A network whose hidden values are gated: `down(silu(gate(x)) · up(x))`, without biases (SwiGLU; Shazeer:
/// GLU Variants Improve Transformer, 2020).
public struct GatedFeedForward: Module {
  /// The layer to the gates.
  public let gateProj: Linear
  /// The layer to the hidden values.
  public let upProj: Linear
  /// The layer back.
  public let downProj: Linear

  /// Makes a network of a width with a number of hidden values.
  ///
  /// - Parameter initializers: The first values of the three weights as `[output, input]`, in their order.
  public init(
    _ width: Int, hidden: Int, initializers: (gate: Initializer, up: Initializer, down: Initializer)
  ) {
    let inwards: (Initializer) -> Linear = { initializer in
      Linear(
        width, hidden, hasBias: false, initializer: initializer,
        axes: (.axis(.embed), .axis(.hidden)))
    }
    gateProj = inwards(initializers.gate)
    upProj = inwards(initializers.up)
    downProj = Linear(
      hidden, width, hasBias: false, initializer: initializers.down,
      axes: (.axis(.hidden), .axis(.embed)))
  }

  /// The network's output `[..., width]`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    downProj(gateProj(x).silu() * upProj(x)).tap("network")
  }
}
