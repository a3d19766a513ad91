/// What kind of work took time, as a summary of a run sorts it.
public enum EventWork: Int, Codable, Sendable, CaseIterable {
  /// Products of matrices.
  case contraction
  /// Attention that is one kernel.
  case attention
  /// Sums along rows and what is fused with them: norms, softmax, losses.
  case reduction
  /// What treats each element alone.
  case elementwise
  /// The update of parameters.
  case optimizer
  /// Waiting for other ranks.
  case communication
  /// Reading batches.
  case data
  /// Anything else, such as a step as a whole.
  case other
}

/// Seconds by kind of work.
public struct WorkSeconds: Hashable, Sendable {
  private var seconds = [Double](repeating: 0, count: EventWork.allCases.count)

  /// Nothing yet.
  public init() {}

  /// The seconds of one kind.
  public subscript(work: EventWork) -> Double {
    get { seconds[work.rawValue] }
    set { seconds[work.rawValue] = newValue }
  }

  /// What has come to an earlier state.
  public static func - (later: WorkSeconds, earlier: WorkSeconds) -> WorkSeconds {
    var result = later
    for work in EventWork.allCases { result[work] -= earlier[work] }
    return result
  }

  /// Adds the seconds of each kind.
  public static func += (sum: inout WorkSeconds, other: WorkSeconds) {
    for work in EventWork.allCases { sum[work] += other[work] }
  }
}
