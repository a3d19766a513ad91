import DeepEPTensors

/// What a model's output is compared with, as graph code.
public struct Loss: Sendable {
  /// The losses of single predictions, `[batch, ...]`, from the model's output and the targets.
  let losses: @Sendable (_ output: Tensor, _ targets: Tensor) -> Tensor

  /// Makes a loss; its mean over all predictions is what training lowers.
  public init(_ losses: @escaping @Sendable (_ output: Tensor, _ targets: Tensor) -> Tensor) {
    self.losses = losses
  }

  /// The cross entropy in nats of logits `[batch, ..., classes]` with integer targets `[batch, ...]`.
  public static let crossEntropy = Loss { $0.crossEntropy(labels: $1) }
}
