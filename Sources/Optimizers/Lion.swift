import DeepEPTensors

/// The sign of a momentum, with decoupled weight decay (Chen and others: Symbolic Discovery of Optimization
/// Algorithms, 2023).
///
/// With the gradient `g` and the momentum `m`, a parameter changes by
/// `-rate · (sign(beta1 · m + (1 - beta1) · g) + weightDecay · parameter)`, and the momentum becomes
/// `beta2 · m + (1 - beta2) · g`. Every element moves by the same amount, so rates are three to ten times smaller than
/// those of ``AdamW``, and decays as much larger.
public struct Lion: Optimizer, Hashable, Codable {
  /// The largest learning rate.
  public var learningRate: Double
  /// How the learning rate changes.
  public var schedule: LearningRateSchedule
  /// How much of the momentum enters the direction of an update.
  public var beta1: Double
  /// The decay of the momentum.
  public var beta2: Double
  /// The share of a parameter that is taken off, times the learning rate.
  public var weightDecay: Double

  /// Makes the rule; the defaults are the paper's.
  public init(
    learningRate: Double = 1e-4, schedule: LearningRateSchedule = .constant, beta1: Double = 0.9,
    beta2: Double = 0.99, weightDecay: Double = 0
  ) {
    self.learningRate = learningRate
    self.schedule = schedule
    self.beta1 = beta1
    self.beta2 = beta2
    self.weightDecay = weightDecay
  }

  /// The momentum.
  public func state(of parameter: OptimizedParameter) -> [OptimizerState] {
    [OptimizerState("momentum", like: parameter)]
  }

  /// The rate of an update.
  public func learningRate(at step: Tensor) -> Tensor { schedule.factor(at: step) * learningRate }

  /// The new value and momentum.
  public func updated(
    _ parameter: OptimizedParameter, value: Tensor, gradient: Tensor, state: [Tensor], step: Tensor
  ) -> (value: Tensor, state: [Tensor]) {
    let direction = (state[0] * beta1 + gradient * (1 - beta1)).unary(.sign)
    let rate = learningRate(at: step)
    let element = value.type.element
    let kept = (1 - rate * weightDecay).converted(to: element)
    let momentum = state[0] * beta2 + gradient * (1 - beta2)
    return (value * kept - direction * rate.converted(to: element), [momentum])
  }
}

extension Optimizer where Self == Lion {
  /// The sign of a momentum; the defaults are the paper's.
  public static func lion(
    learningRate: Double = 1e-4, schedule: LearningRateSchedule = .constant, beta1: Double = 0.9,
    beta2: Double = 0.99, weightDecay: Double = 0
  ) -> Lion {
    Lion(
      learningRate: learningRate, schedule: schedule, beta1: beta1, beta2: beta2,
      weightDecay: weightDecay)
  }
}
