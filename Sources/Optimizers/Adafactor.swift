import DeepEPTensors

/// AdamW's second moment from its means over rows and columns, as `torch.optim.Adafactor` has it (Shazeer, Stern:
/// Adafactor, Adaptive Learning Rates with Sublinear Memory Cost, 2018).
///
/// A matrix of `m` rows and `n` columns keeps `m + n` numbers instead of `2 · m · n`. Changes are relative to the
/// root mean square of a parameter, and their own is at most ``clipThreshold``.
public struct Adafactor: Optimizer, Hashable, Codable {
  /// The largest learning rate, relative to the size of a parameter.
  public var learningRate: Double
  /// How the learning rate changes.
  public var schedule: LearningRateSchedule
  /// What power of the number of updates a new square of a gradient counts with.
  public var decayPower: Double
  /// The least size of a parameter that changes are relative to.
  public var leastSize: Double
  /// The largest root mean square of a change before the learning rate.
  public var clipThreshold: Double
  /// The share of a parameter that is taken off, times the learning rate.
  public var weightDecay: Double

  /// Makes the rule; the defaults are PyTorch's.
  public init(
    learningRate: Double = 1e-2, schedule: LearningRateSchedule = .constant,
    decayPower: Double = -0.8, leastSize: Double = 1e-3, clipThreshold: Double = 1,
    weightDecay: Double = 0
  ) {
    self.learningRate = learningRate
    self.schedule = schedule
    self.decayPower = decayPower
    self.leastSize = leastSize
    self.clipThreshold = clipThreshold
    self.weightDecay = weightDecay
  }

  /// Mean squares of the gradient: by row and by column, or by element where there is one dimension.
  public func state(of parameter: OptimizedParameter) -> [OptimizerState] {
    let rank = parameter.type.rank
    guard rank > 1 else { return [OptimizerState("second_moment", like: parameter)] }
    let outer = Array(0..<rank - 2)
    return [
      OptimizerState("row_moment", like: parameter, keeping: outer + [rank - 2]),
      OptimizerState("column_moment", like: parameter, keeping: outer + [rank - 1]),
    ]
  }

  /// The rate of an update, relative to the size of a parameter.
  public func learningRate(at step: Tensor) -> Tensor {
    let count = step.converted(to: .float64) + 1
    let largest = schedule.factor(at: step) * learningRate
    return largest.minimum(count.reciprocalSquareRoot())
  }

  /// The new value and mean squares.
  public func updated(
    _ parameter: OptimizedParameter, value: Tensor, gradient: Tensor, state: [Tensor], step: Tensor
  ) -> (value: Tensor, state: [Tensor]) {
    let element = value.type.element
    let weight = (step.converted(to: .float64) + 1).power(decayPower).converted(to: element)
    let (moment, moments) = moments(of: gradient, state, weight)
    let direction = moment.maximum(moment.filled(with: 0x1p-46)).reciprocalSquareRoot() * gradient
    let excess = rootMeanSquare(direction) / clipThreshold
    let size = rootMeanSquare(value).maximum(excess.filled(with: leastSize))
    let rate = learningRate(at: step).converted(to: element) * size
    let change = direction * (rate / excess.maximum(excess.filled(with: 1)))
    guard weightDecay != 0 else { return (value - change, moments) }
    let decay = schedule.factor(at: step) * (learningRate * weightDecay)
    return (value * (1 - decay).converted(to: element) - change, moments)
  }

  /// The second moment of each element as far as it is known, and the state.
  private func moments(
    of gradient: Tensor, _ state: [Tensor], _ weight: Tensor
  ) -> (Tensor, [Tensor]) {
    let square = gradient * gradient
    let mixed = { (old: Tensor, new: Tensor) in old + (new - old) * weight }
    guard gradient.rank > 1 else {
      let moment = mixed(state[0], square)
      return (moment, [moment])
    }
    let (rows, columns) = (mixed(state[0], square.mean([-1])), mixed(state[1], square.mean([-2])))
    let whole = rows.mean([-1])
    let share = rows / whole.maximum(whole.filled(with: 0x1p-23)).reshaped(whole.shape + [1])
    let outer = share.reshaped(share.shape + [1])
    let across = columns.reshaped(whole.shape + [1, columns.shape[columns.rank - 1]])
    return (outer * across, [rows, columns])
  }

  private func rootMeanSquare(_ tensor: Tensor) -> Tensor {
    (tensor * tensor).mean().squareRoot()
  }
}

extension Optimizer where Self == Adafactor {
  /// AdamW's second moment from its means over rows and columns; the defaults are PyTorch's.
  public static func adafactor(
    learningRate: Double = 1e-2, schedule: LearningRateSchedule = .constant,
    decayPower: Double = -0.8, leastSize: Double = 1e-3, clipThreshold: Double = 1,
    weightDecay: Double = 0
  ) -> Adafactor {
    Adafactor(
      learningRate: learningRate, schedule: schedule, decayPower: decayPower,
      leastSize: leastSize, clipThreshold: clipThreshold, weightDecay: weightDecay)
  }
}
