/// What `deepep benchmark` runs: a training job, a collective, all algorithms of all collectives, or a rank that waits.
enum BenchmarkSubject {
  case communication
  case wait
  case workload(Workload)
  case collective(TimedCollective)

  /// As it is typed.
  var name: String {
    switch self {
    case .communication: "communication"
    case .wait: "wait"
    case .workload(let workload): workload.rawValue
    case .collective(let collective): collective.rawValue
    }
  }
}

extension ValueParser where Value == BenchmarkSubject {
  /// A job or a collective, by its name.
  static var subject: Self {
    let names =
      Workload.allCases.map(\.rawValue) + TimedCollective.allCases.map(\.rawValue)
      + ["communication", "wait"]
    return Self(
      expecting: "one of \(names.joined(separator: ", "))",
      placeholder: names.joined(separator: "|"), choices: names, text: { $0.name }
    ) { name in
      if name == "communication" { return .communication }
      if name == "wait" { return .wait }
      return TimedCollective(rawValue: name).map { .collective($0) }
        ?? Workload(rawValue: name).map { .workload($0) }
    }
  }
}
