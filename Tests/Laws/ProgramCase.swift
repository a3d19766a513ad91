import DeepEPElements
import DeepEPTensors

/// A program with the calls by which laws compare it: all that a failure needs to be seen again.
///
/// The numbers of inputs and slots follow from the seed, their names and their types, so the text of
/// the program and the seed say everything, and a program with parts removed keeps its numbers.
package struct ProgramCase: Sendable {
  /// The program.
  package var program: Program
  /// The entries that are called, in order.
  package var calls: [EntryName]
  /// From which the numbers follow.
  package let seed: UInt64

  /// Puts a case together.
  package init(_ program: Program, calls: [EntryName], seed: UInt64) {
    (self.program, self.calls, self.seed) = (program, calls, seed)
  }

  /// The first value of each slot.
  package var slots: [HostArray] { program.slots.map { numbers("slot \($0.name)", $0.type) } }

  /// What call number `index` of the schedule passes in.
  package func inputs(ofCall index: Int) -> [HostArray] {
    let entry = program.entry(calls[index])
    return (entry?.inputs ?? []).map { numbers("\(index) \($0.name)", $0.type) }
  }

  private func numbers(_ name: String, _ type: Type) -> HostArray {
    var hash = StableHash()
    hash.add("\(seed) \(name)")
    var random = RandomSource(seed: hash.value)
    return random.array(type)
  }

  /// The case for people, and for a test that repeats it.
  package var description: String {
    "numbers of seed \(seed), calls of \(calls.map(\.rawValue).joined(separator: ", "))\n\(program)"
  }

  // MARK: The oracle

  /// What the interpreter finds in a program that should do the same as this one.
  package func interpreted(_ program: Program) throws -> Outcome {
    var interpreter = try Interpreter(program, slots: slots)
    var outcome = Outcome()
    for (index, entry) in calls.enumerated() {
      let results = try interpreter.call(entry, inputs(ofCall: index))
      outcome.add(results, ofCall: index, entry)
    }
    outcome.slots = zip(program.slots, interpreter.slots).map { ($0.name, $1) }
    return outcome
  }
}

extension RandomSource {
  /// Numbers for an input or a slot: floats between -1 and 1; integers that are mostly small, so that
  /// they are indices too, and sometimes any.
  package mutating func array(_ type: Type) -> HostArray {
    let count = type.elementCount
    if type.element.isFloatingPoint {
      return HostArray(type.element, type.shape, (0..<count).map { _ in unit() })
    }
    if type.element == .bool {
      return HostArray(.bool, type.shape, integers: (0..<count).map { _ in Int64(below(2)) })
    }
    let isWide = once(in: 6)
    let least = type.element.isSignedInteger ? -3 : 0
    let integers = (0..<count).map { _ in
      isWide ? Int64(bitPattern: next()) : Int64(least + below(once(in: 3) ? 70 : 12))
    }
    return HostArray(type.element, type.shape, integers: integers)
  }
}
