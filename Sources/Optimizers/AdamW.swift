import DeepEPTensors

/// Adam with decoupled weight decay (Loshchilov, Hutter: Decoupled Weight Decay Regularization, 2019).
public struct AdamW: Optimizer, Hashable, Codable {
  /// The largest learning rate.
  public var learningRate: Double
  /// How the learning rate changes.
  public var schedule: LearningRateSchedule
  /// The decay of the first moment.
  public var beta1: Double
  /// The decay of the second moment.
  public var beta2: Double
  /// Added to the root of the second moment.
  public var epsilon: Double
  /// The share of a parameter that is taken off, times the learning rate.
  public var weightDecay: Double

  /// Makes the rule; the defaults are PyTorch's.
  public init(
    learningRate: Double = 1e-3, schedule: LearningRateSchedule = .constant, beta1: Double = 0.9,
    beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01
  ) {
    self.learningRate = learningRate
    self.schedule = schedule
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// The first and second moments of the gradient.
  public func state(of parameter: OptimizedParameter) -> [OptimizerState] {
    ["first_moment", "second_moment"].map { OptimizerState($0, like: parameter) }
  }

  /// The rate of an update.
  public func learningRate(at step: Tensor) -> Tensor { schedule.factor(at: step) * learningRate }

  /// The new value and moments.
  public func updated(
    _ parameter: OptimizedParameter, value: Tensor, gradient: Tensor, state: [Tensor], step: Tensor
  ) -> (value: Tensor, state: [Tensor]) {
    let first = state[0] * beta1 + gradient * (1 - beta1)
    let second = state[1] * beta2 + gradient * gradient * (1 - beta2)
    let rate = learningRate(at: step)
    let element = value.type.element
    let stepSize = (rate / correction(beta1, step)).converted(to: element)
    let root = correction(beta2, step).squareRoot().converted(to: element)
    let kept = (1 - rate * weightDecay).converted(to: element)
    let change = first * stepSize / (second.squareRoot() / root + epsilon)
    return (value * kept - change, [first, second])
  }

  /// What a moment of decay `beta` has gathered so far: `1 - beta ^ (step + 1)`, in float64.
  private func correction(_ beta: Double, _ step: Tensor) -> Tensor {
    let count = step.converted(to: .float64) + 1
    return 1 - count.filled(with: beta).power(count)
  }
}

extension Optimizer where Self == AdamW {
  /// Adam with decoupled weight decay; the defaults are PyTorch's.
  public static func adamW(
    learningRate: Double = 1e-3, schedule: LearningRateSchedule = .constant, beta1: Double = 0.9,
    beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01
  ) -> AdamW {
    AdamW(
      learningRate: learningRate, schedule: schedule, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weightDecay: weightDecay)
  }
}
