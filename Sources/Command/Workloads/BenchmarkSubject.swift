import DeepEPModels

/// What `deepep benchmark` runs: a training job, a collective, all algorithms of all collectives, or a rank that waits.
enum BenchmarkSubject {
  case communication
  case wait
  case model(NamedModel)
  case collective(TimedCollective)

  /// As it is typed.
  var name: String {
    switch self {
    case .communication: "communication"
    case .wait: "wait"
    case .model(let model): model.rawValue
    case .collective(let collective): collective.rawValue
    }
  }
}

extension ValueParser where Value == BenchmarkSubject {
  /// A job or a collective, by its name.
  static var subject: Self {
    let others = TimedCollective.allCases.map(\.rawValue) + ["communication", "wait"]
    return Self(
      expecting: "a model of 'deepep models', or one of \(others.joined(separator: ", "))",
      placeholder: "NAME", choices: NamedModel.allCases.map(\.rawValue) + others,
      text: { $0.name }
    ) { name in
      if name == "communication" { return .communication }
      if name == "wait" { return .wait }
      return TimedCollective(rawValue: name).map { .collective($0) }
        ?? NamedModel(rawValue: name).map { .model($0) }
    }
  }
}
