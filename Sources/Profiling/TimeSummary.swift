import DeepEPEvents

/// Where the time of steps went, and what bounds them.
public struct TimeSummary: Hashable, Sendable {
  /// The time of the steps.
  public private(set) var seconds = 0.0
  private var parts = WorkSeconds()

  /// Nothing yet.
  public init() {}

  /// Adds a step: how long it took, and the seconds of its parts.
  public mutating func add(seconds: Double, _ parts: WorkSeconds) {
    self.seconds += seconds
    self.parts += parts
  }

  /// The share of the time that kinds of work took, from 0 to 1.
  public func share(_ works: EventWork...) -> Double {
    seconds > 0 ? works.reduce(0) { $0 + parts[$1] } / seconds : 0
  }

  /// What most of the time is spent on.
  public var bound: String {
    let groups: [(name: String, share: Double)] = [
      ("compute", share(.contraction, .attention)),
      ("memory", share(.reduction, .elementwise, .optimizer)),
      ("communication", share(.communication)), ("data", share(.data)), ("host", restShare),
    ]
    return groups.max { $0.share < $1.share }?.name ?? ""
  }

  /// The share in which no part was at work: the host prepared the next one.
  private var restShare: Double {
    1 - EventWork.allCases.reduce(0) { $0 + ($1 == .other ? 0 : share($1)) }
  }

  /// For people: "contractions 71 %, attention 9 %, …; bound by: compute"; nil without steps.
  public var text: String? {
    guard seconds > 0 else { return nil }
    let parts: [(String, Double)] = [
      ("contractions", share(.contraction)), ("attention", share(.attention)),
      ("norms and losses", share(.reduction)), ("element-wise", share(.elementwise)),
      ("optimizer", share(.optimizer)), ("waiting for ranks", share(.communication)),
      ("data", share(.data)), ("other", max(0, restShare)),
    ]
    let texts = parts.filter { $0.1 >= 0.0005 || $0.0 == "data" }.map {
      "\($0) \(Self.percent($1)) %"
    }
    return "\(texts.joined(separator: ", ")); bound by: \(bound)"
  }

  /// Below one per cent with a decimal.
  private static func percent(_ share: Double) -> String {
    let percent = share * 100
    return percent < 0.95 ? "\((percent * 10).rounded() / 10)" : "\(Int(percent.rounded()))"
  }
}
