import DeepEPTensors

/// How the learning rate changes with the number of updates.
///
/// All but ``constant`` rise from zero in a straight line over `warmup` updates, and end at `floor`, a share of the
/// largest rate, at update `total`.
public enum LearningRateSchedule: Hashable, Codable, Sendable {
  /// Always the same.
  case constant
  /// Half a cosine down to the floor (Loshchilov, Hutter: SGDR, 2017).
  case cosine(warmup: Int, total: Int, floor: Double = 0.1)
  /// A straight line down to the floor.
  case linear(warmup: Int, total: Int, floor: Double = 0)
  /// The largest rate until the last `decay` updates, then a straight line down to the floor (Hu and others:
  /// MiniCPM, 2024).
  case warmupStableDecay(warmup: Int, total: Int, decay: Int, floor: Double = 0)

  /// The factor of the largest rate, a float64 scalar, after a number of updates (int32).
  public func factor(at step: Tensor) -> Tensor {
    let step = step.converted(to: .float64)
    switch self {
    case .constant: return step.filled(with: 1)
    case .cosine(let warmup, let total, let floor):
      let progress = progress(step, from: warmup, to: total)
      let fall = floor + (1 - floor) * 0.5 * (1 + (progress * Double.pi).cosine())
      return rise(step, warmup).minimum(fall)
    case .linear(let warmup, let total, let floor):
      return rise(step, warmup).minimum(line(step, from: warmup, to: total, floor))
    case .warmupStableDecay(let warmup, let total, let decay, let floor):
      return rise(step, warmup).minimum(line(step, from: total - decay, to: total, floor))
    }
  }

  private func rise(_ step: Tensor, _ warmup: Int) -> Tensor { (step + 1) / Double(max(1, warmup)) }

  /// From one at an update to the floor at another.
  private func line(_ step: Tensor, from first: Int, to last: Int, _ floor: Double) -> Tensor {
    1 - (1 - floor) * progress(step, from: first, to: last)
  }

  /// How much of the way between two updates is done.
  private func progress(_ step: Tensor, from first: Int, to last: Int) -> Tensor {
    let share = (step - Double(first)) / Double(max(1, last - first))
    return share.maximum(step.filled(with: 0)).minimum(step.filled(with: 1))
  }
}
