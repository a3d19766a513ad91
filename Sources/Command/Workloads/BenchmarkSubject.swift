/// What `deepep benchmark` runs: a training job, or a collective.
enum BenchmarkSubject {
  case workload(Workload)
  case collective(TimedCollective)
}

extension ValueParser where Value == BenchmarkSubject {
  /// A job or a collective, by its name.
  static var subject: Self {
    let names = Workload.allCases.map(\.rawValue) + TimedCollective.allCases.map(\.rawValue)
    return Self(
      expecting: "one of \(names.joined(separator: ", "))",
      placeholder: names.joined(separator: "|"), choices: names
    ) { name in
      TimedCollective(rawValue: name).map { .collective($0) }
        ?? Workload(rawValue: name).map { .workload($0) }
    }
  }
}
