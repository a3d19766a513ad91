import DeepEPTensors

/// How the learning rate changes with the number of updates.
public enum LearningRateSchedule: Hashable, Codable, Sendable {
  /// Always the same.
  case constant
  /// Linear from zero over `warmup` updates, then half a cosine down to `floor` (a share of the
  /// largest rate) at update `total`, and constant after it (Loshchilov, Hutter: SGDR, 2017).
  case cosine(warmup: Int, total: Int, floor: Double = 0.1)

  /// The factor of the largest rate, a float64 scalar, after a number of updates (int32).
  public func factor(at step: Tensor) -> Tensor {
    let step = step.converted(to: .float64)
    switch self {
    case .constant: return step.filled(with: 1)
    case .cosine(let warmup, let total, let floor):
      let rise = (step + 1) / Double(max(1, warmup))
      let span = Double(max(1, total - warmup))
      let progress = ((step - Double(warmup)) / span).maximum(step.filled(with: 0))
        .minimum(step.filled(with: 1))
      let fall = floor + (1 - floor) * 0.5 * (1 + (progress * Double.pi).cosine())
      return rise.minimum(fall)
    }
  }
}
