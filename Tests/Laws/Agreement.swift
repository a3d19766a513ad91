import DeepEPTensors

/// The outcome of calls: results by name and the slots afterwards.
package struct Outcome: Hashable, Sendable {
  /// What the last call returned.
  package var results: [String: HostArray]
  /// The value of each slot after it.
  package var slots: [HostArray]

  /// Notes an outcome.
  package init(results: [String: HostArray], slots: [HostArray]) {
    self.results = results
    self.slots = slots
  }

  /// The names of values that differ from those of another outcome by more than a tolerance.
  package func differences(from other: Outcome, tolerance: Double) -> [String] {
    let named = results.sorted { $0.key < $1.key }.map { name, value in
      (name, value, other.results[name])
    }
    let states = zip(slots, other.slots).enumerated().map { ("slot\($0)", $1.0, Optional($1.1)) }
    return (named + states).compactMap { name, value, found in
      let error = found.map(value.normwiseError) ?? .infinity
      return error <= tolerance ? nil : "\(name) is off by \(error)"
    }
  }
}

extension HostArray {
  /// The Euclidean norm of the difference over that of this array; where this one is tiny, over that
  /// of an array of hundredths.
  package func normwiseError(of other: HostArray) -> Double {
    guard shape == other.shape, element == other.element else { return .infinity }
    var (difference, size) = (0.0, 0.0)
    for (x, y) in zip(doubles, other.doubles) where x != y && !(x.isNaN && y.isNaN) {
      difference += (x - y) * (x - y)
    }
    for x in doubles where x.isFinite { size += x * x }
    let least = 1e-4 * Double(max(1, count))
    // Not a number on one side only makes the whole error infinite.
    return difference.isNaN ? .infinity : (difference / max(size, least)).squareRoot()
  }
}

extension RandomProgram {
  /// What the interpreter finds in a program that should do the same as this one.
  package func interpreted(_ program: Program, calls: Int = 2) throws -> Outcome {
    var interpreter = try Interpreter(program, slots: slots)
    var results: [String: HostArray] = [:]
    for _ in 0..<calls { results = try interpreter.call(.step, inputs) }
    return Outcome(results: results, slots: interpreter.slots)
  }
}

/// The smallest number of operations for which a check fails, with what it says.
package func smallestFailure(
  _ operations: Int, _ check: (Int) throws -> [String]
) -> (operations: Int, problems: [String])? {
  func problems(_ count: Int) -> [String] {
    do { return try check(count) } catch { return ["\(error)"] }
  }
  let first = problems(operations)
  guard !first.isEmpty else { return nil }
  for count in 1..<max(2, operations) {
    let found = problems(count)
    if !found.isEmpty { return (count, found) }
  }
  return (operations, first)
}
