import DeepEPTensors

/// Stochastic gradient descent with momentum, as `torch.optim.SGD` has it (Sutskever, Martens, Dahl,
/// Hinton: On the importance of initialization and momentum in deep learning, 2013).
///
/// With the gradient `g` to which the decay of weights is added, the momentum is
/// `v = momentum · v + (1 - dampening) · g`, in the first update `v = g`. The parameter changes by
/// `-rate · v`, or with Nesterov's momentum by `-rate · (g + momentum · v)`.
public struct SGD: Optimizer, Hashable, Codable {
  /// The largest learning rate.
  public var learningRate: Double
  /// How the learning rate changes.
  public var schedule: LearningRateSchedule
  /// How much of the momentum stays in an update; zero keeps none.
  public var momentum: Double
  /// The share of a gradient that does not enter the momentum.
  public var dampening: Double
  /// Whether the momentum looks one step ahead.
  public var isNesterov: Bool
  /// The share of a parameter that is added to its gradient.
  public var weightDecay: Double

  /// Makes the rule; the defaults are PyTorch's.
  public init(
    learningRate: Double = 1e-3, schedule: LearningRateSchedule = .constant, momentum: Double = 0,
    dampening: Double = 0, isNesterov: Bool = false, weightDecay: Double = 0
  ) {
    self.learningRate = learningRate
    self.schedule = schedule
    self.momentum = momentum
    self.dampening = dampening
    self.isNesterov = isNesterov
    self.weightDecay = weightDecay
  }

  /// The momentum, if there is one.
  public func state(of parameter: OptimizedParameter) -> [OptimizerState] {
    momentum == 0 ? [] : [OptimizerState("momentum", like: parameter)]
  }

  /// The rate of an update.
  public func learningRate(at step: Tensor) -> Tensor { schedule.factor(at: step) * learningRate }

  /// The new value and momentum.
  public func updated(
    _ parameter: OptimizedParameter, value: Tensor, gradient: Tensor, state: [Tensor], step: Tensor
  ) -> (value: Tensor, state: [Tensor]) {
    let decayed = weightDecay == 0 ? gradient : gradient + value * weightDecay
    let rate = learningRate(at: step).converted(to: value.type.element)
    guard let old = state.first else { return (value - decayed * rate, []) }
    let velocity = velocity(old, decayed, step)
    let direction = isNesterov ? decayed + velocity * momentum : velocity
    return (value - direction * rate, [velocity])
  }

  private func velocity(_ old: Tensor, _ gradient: Tensor, _ step: Tensor) -> Tensor {
    guard dampening != 0 else { return old * momentum + gradient }
    let isFirst = step.compare(.equal, step.filled(with: 0))
      .broadcast(to: gradient.shape, dimensions: [])
    return isFirst.select(gradient, old * momentum + gradient * (1 - dampening))
  }
}

extension Optimizer where Self == SGD {
  /// Stochastic gradient descent; the defaults are PyTorch's.
  public static func sgd(
    learningRate: Double = 1e-3, schedule: LearningRateSchedule = .constant, momentum: Double = 0,
    dampening: Double = 0, isNesterov: Bool = false, weightDecay: Double = 0
  ) -> SGD {
    SGD(
      learningRate: learningRate, schedule: schedule, momentum: momentum, dampening: dampening,
      isNesterov: isNesterov, weightDecay: weightDecay)
  }
}
