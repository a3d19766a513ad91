import DeepEPTensors

/// Matrices follow their momentum made orthogonal, everything else ``AdamW`` (Jordan and others: Muon, an optimizer
/// for hidden layers in neural networks, 2024; Liu and others: Muon is Scalable for LLM Training, 2025).
///
/// Five Newton-Schulz iterations bring the singular values of the momentum near one. Matrices are parameters of two
/// dimensions that are no tables of tokens or positions: ``OptimizedParameter/isMatrix``.
public struct Muon: Optimizer, Hashable, Codable {
  /// How the change of a matrix of `m` rows and `n` columns is scaled.
  public enum Scale: String, Hashable, Codable, Sendable, CaseIterable {
    /// By `sqrt(max(1, m / n))`, as its authors have it.
    case original
    /// By `0.2 · sqrt(max(m, n))`: changes are as large as AdamW's, so that its rate and decay do for both.
    case likeAdamW
  }

  /// The largest learning rate of matrices.
  public var learningRate: Double
  /// How the learning rate of matrices changes.
  public var schedule: LearningRateSchedule
  /// The decay of the momentum.
  public var momentum: Double
  /// Whether the momentum looks one step ahead.
  public var isNesterov: Bool
  /// The share of a matrix that is taken off, times the learning rate.
  public var weightDecay: Double
  /// How changes are scaled.
  public var scale: Scale
  /// The number of Newton-Schulz iterations.
  public var iterations: Int
  /// The rule of what is no matrix.
  public var others: AdamW

  /// Makes the rule; the defaults for matrices are those of `torch.optim.Muon`.
  public init(
    learningRate: Double = 1e-3, schedule: LearningRateSchedule = .constant,
    momentum: Double = 0.95, isNesterov: Bool = true, weightDecay: Double = 0.1,
    scale: Scale = .original, iterations: Int = 5, others: AdamW = AdamW()
  ) {
    self.learningRate = learningRate
    self.schedule = schedule
    self.momentum = momentum
    self.isNesterov = isNesterov
    self.weightDecay = weightDecay
    self.scale = scale
    self.iterations = iterations
    self.others = others
  }

  /// The momentum of a matrix; otherwise what AdamW keeps.
  public func state(of parameter: OptimizedParameter) -> [OptimizerState] {
    parameter.isMatrix
      ? [OptimizerState("momentum", like: parameter)] : others.state(of: parameter)
  }

  /// The rate of an update of matrices.
  public func learningRate(at step: Tensor) -> Tensor { schedule.factor(at: step) * learningRate }

  /// The new value and state.
  public func updated(
    _ parameter: OptimizedParameter, value: Tensor, gradient: Tensor, state: [Tensor], step: Tensor
  ) -> (value: Tensor, state: [Tensor]) {
    guard parameter.isMatrix else {
      return others.updated(
        parameter, value: value, gradient: gradient, state: state, step: step)
    }
    let velocity = state[0] * momentum + gradient * (1 - momentum)
    let direction = isNesterov ? gradient * (1 - momentum) + velocity * momentum : velocity
    let rate = learningRate(at: step)
    let element = value.type.element
    let kept = (1 - rate * weightDecay).converted(to: element)
    let stepSize = (rate * factor(value.shape)).converted(to: element)
    // Ranks that keep shards of the momentum put it together once, not in each product.
    let change = orthogonal(direction.apply(Named(parameter.axes)))
    return (value * kept - change * stepSize, [velocity])
  }

  private func factor(_ shape: [Int]) -> Double {
    let (rows, columns) = (Double(max(1, shape[0])), Double(max(1, shape[1])))
    switch scale {
    case .original: return max(1, rows / columns).squareRoot()
    case .likeAdamW: return 0.2 * max(rows, columns).squareRoot()
    }
  }

  /// The matrix with its singular values brought near one, by the quintic that its authors chose.
  private func orthogonal(_ matrix: Tensor) -> Tensor {
    let isTall = matrix.shape[0] > matrix.shape[1]
    let norm = (matrix * matrix).sum().squareRoot()
    var x = matrix / norm.maximum(norm.filled(with: 1e-7))
    for _ in 0..<iterations {
      // The smaller of the two Gram matrices.
      let gram = isTall ? x.einsum("ki,kj->ij", x) : x.einsum("ik,jk->ij", x)
      let inner = gram * -4.7750 + gram.einsum("ik,kj->ij", gram) * 2.0315
      let turned = isTall ? x.einsum("ik,kj->ij", inner) : inner.einsum("ik,kj->ij", x)
      x = x * 3.4445 + turned
    }
    return x
  }
}

extension Optimizer where Self == Muon {
  /// Matrices follow their momentum made orthogonal, everything else AdamW.
  public static func muon(
    learningRate: Double = 1e-3, schedule: LearningRateSchedule = .constant,
    momentum: Double = 0.95, isNesterov: Bool = true, weightDecay: Double = 0.1,
    scale: Muon.Scale = .original, iterations: Int = 5, others: AdamW = AdamW()
  ) -> Muon {
    Muon(
      learningRate: learningRate, schedule: schedule, momentum: momentum, isNesterov: isNesterov,
      weightDecay: weightDecay, scale: scale, iterations: iterations, others: others)
  }
}
