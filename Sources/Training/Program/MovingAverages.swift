import DeepEPStorage
import DeepEPTensors

/// Exponential moving averages of parameters, which often evaluate better than the parameters
/// themselves (Polyak, Juditsky: Acceleration of Stochastic Approximation by Averaging, 1992).
///
/// An average starts at its parameter's first value; after each update it is
/// `decay · average + (1 - decay) · parameter`.
struct MovingAverages {
  /// How much of an average stays.
  let decay: Double
  /// The seed of the run, from which the first values are drawn.
  let seed: UInt64

  /// The name of the slot of a parameter's average.
  static func name(_ parameter: String) -> String { Checkpoint.averageName(of: parameter) }

  /// Lets the average of a parameter follow its new value.
  func follow(
    _ parameter: Int, newValue: Tensor, onlyIf condition: Tensor?, _ writer: inout EntryWriter
  ) {
    let owner = writer.program.slots[parameter]
    let slot = writer.slot(
      Slot(
        name: Self.name(owner.name), type: owner.type,
        initializer: owner.initializer.drawing(StableHash.key(seed, owner.name)),
        axes: owner.axes, kind: .average))
    let average = writer.read(slot)
    writer.update(slot, to: average + (newValue - average) * (1 - decay), onlyIf: condition)
  }

  /// The program with an entry that evaluates by the averages.
  func addingEvaluation(to program: Program) -> Program {
    guard let evaluate = program.entry(.evaluate) else { return program }
    let indices = Dictionary(
      program.slots.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    var averages: [Int: Int] = [:]
    for (index, slot) in program.slots.enumerated() {
      averages[index] = indices[Self.name(slot.name)]
    }
    var (program, entry) = (program, evaluate.reading(averages))
    entry.name = .evaluateAverages
    program.entries.append(entry)
    return program
  }
}

extension Initializer {
  /// The same initialiser with the random numbers of a key where it had those of its slot's name.
  fileprivate func drawing(_ key: UInt64) -> Initializer {
    switch self {
    case .uniform(let bound, .byName): .uniform(bound: bound, stream: .number(key))
    case .normal(let deviation, .byName): .normal(deviation: deviation, stream: .number(key))
    case .transposed(let inner): .transposed(inner.drawing(key))
    default: self
    }
  }
}
