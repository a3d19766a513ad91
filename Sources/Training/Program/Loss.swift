import DeepEPTensors

/// What a model's output is compared with, as graph code.
///
/// A loss is a sum of terms, and each term is the mean of the losses of single predictions: their sum,
/// weighed, over the sum of the weights, both of the whole global batch. So it does not matter how the
/// batch is cut into micro-batches or shared by ranks, even if some have fewer predictions that count.
public struct Loss: Sendable {
  /// Mean losses of single predictions.
  struct Term: Sendable {
    /// What the mean is multiplied by.
    var factor: Double
    /// The losses of single predictions, `[batch, ...]`, from the model's output and the targets.
    var losses: @Sendable (_ output: Tensor, _ targets: Tensor) -> Tensor
    /// How much each prediction counts, in the shape of the losses; nil if all count alike.
    var weights: (@Sendable (_ targets: Tensor) -> Tensor)?
  }

  /// The terms.
  let terms: [Term]

  /// Makes a loss whose mean over all predictions is what training lowers.
  ///
  /// - Parameter losses: The losses of single predictions, `[batch, ...]`.
  public init(_ losses: @escaping @Sendable (_ output: Tensor, _ targets: Tensor) -> Tensor) {
    terms = [Term(factor: 1, losses: losses, weights: nil)]
  }

  /// Makes a loss of predictions that do not all count alike.
  ///
  /// - Parameters:
  ///   - losses: The losses of single predictions, `[batch, ...]`.
  ///   - weights: How much each counts, from the targets alone: Booleans or floats in the shape of the
  ///     losses. A prediction of weight zero does not matter, as long as its loss is finite.
  public init(
    _ losses: @escaping @Sendable (_ output: Tensor, _ targets: Tensor) -> Tensor,
    weights: @escaping @Sendable (_ targets: Tensor) -> Tensor
  ) {
    terms = [Term(factor: 1, losses: losses, weights: weights)]
  }

  private init(terms: [Term]) { self.terms = terms }

  /// The cross entropy in nats of logits `[batch, ..., classes]` with integer targets `[batch, ...]`.
  public static let crossEntropy = Loss { $0.crossEntropy(labels: $1) }

  /// The cross entropy of those targets that are not `label`, such as -100 for padding.
  public static func crossEntropy(ignoring label: Int) -> Loss {
    Loss {
      $0.crossEntropy(labels: $1)
    } weights: {
      $0.compare(.notEqual, $0.filled(with: Double(label)))
    }
  }

  /// The sum of two losses, each with its own count.
  public static func + (first: Loss, second: Loss) -> Loss {
    Loss(terms: first.terms + second.terms)
  }

  /// A loss times a number.
  public static func * (factor: Double, loss: Loss) -> Loss {
    Loss(
      terms: loss.terms.map { term in
        var term = term
        term.factor *= factor
        return term
      })
  }
}
