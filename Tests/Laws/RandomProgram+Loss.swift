import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  /// Makes a program with one entry `evaluate`, whose only result is a number that depends smoothly on
  /// every float slot.
  package init(lossOfSeed seed: UInt64, operations: Int) {
    self.init(seed: seed, element: .float64, isSmooth: true)
    start()
    for _ in 0..<operations { step() }
    let terms = pool.suffix(3).map { value in
      let weights = Constant(type: value.type, numbers: random.array(value.type).doubles)
      return (value.hyperbolicTangent() * trace.apply(weights, [])[0]).sum()
    }
    let loss = terms.dropFirst().reduce(terms[0], +)
    var entry = Entry(name: .evaluate)
    if let value = loss.value { entry.results = [EntryResult(name: "loss", value: value)] }
    add(entry)
  }
}
