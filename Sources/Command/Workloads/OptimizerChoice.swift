import DeepEPOptimizers

/// The rules that `--optimizer` names.
enum OptimizerName: String, CaseIterable {
  case adamw, sgd, muon, lion, adafactor

  /// The largest learning rate that small models train well with.
  var learningRate: Double {
    switch self {
    case .adamw: 3e-3
    case .sgd: 0.1
    case .muon: 2e-2
    case .lion: 3e-4
    case .adafactor: 3e-2
    }
  }
}

/// The schedules that `--schedule` names.
enum ScheduleName: String, CaseIterable {
  case cosine, linear, wsd, constant
}

/// What a run trains with: the names and numbers of its flags, put together.
struct OptimizerChoice {
  var name: OptimizerName
  var schedule: ScheduleName
  /// The largest learning rate; nil is the rule's own.
  var learningRate: Double?
  var weightDecay: Double
  /// The updates of the run.
  var steps: Int

  /// For people: "adamw, learning rate 0.003, cosine".
  var text: String {
    "\(name.rawValue), learning rate \(learningRate ?? name.learningRate), \(schedule.rawValue)"
  }

  /// The rule.
  var optimizer: any Optimizer {
    let rate = learningRate ?? name.learningRate
    switch name {
    case .adamw: return adamW(rate)
    case .sgd:
      return SGD(
        learningRate: rate, schedule: course, momentum: 0.9, isNesterov: true,
        weightDecay: weightDecay)
    case .muon:
      return Muon(
        learningRate: rate, schedule: course, weightDecay: weightDecay,
        others: adamW(OptimizerName.adamw.learningRate))
    case .lion: return Lion(learningRate: rate, schedule: course, weightDecay: weightDecay)
    case .adafactor:
      return Adafactor(learningRate: rate, schedule: course, weightDecay: weightDecay)
    }
  }

  private func adamW(_ rate: Double) -> AdamW {
    AdamW(learningRate: rate, schedule: course, beta2: 0.99, weightDecay: weightDecay)
  }

  private var course: LearningRateSchedule {
    let warmup = min(100, max(1, steps / 10))
    switch schedule {
    case .cosine: return .cosine(warmup: warmup, total: steps, floor: 0.03)
    case .linear: return .linear(warmup: warmup, total: steps, floor: 0.03)
    case .wsd:
      return .warmupStableDecay(warmup: warmup, total: steps, decay: max(1, steps / 5))
    case .constant: return .constant
    }
  }
}
