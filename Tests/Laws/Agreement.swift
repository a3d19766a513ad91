import DeepEPTensors

/// The outcome of calls: what each returned, and the slots at the end.
package struct Outcome: Sendable {
  /// Results by the names of call, entry and result, in order.
  package private(set) var results: [(name: String, value: HostArray)] = []
  /// The slots by their names.
  package var slots: [(name: String, value: HostArray)] = []

  /// Starts without calls.
  package init() {}

  /// Notes the outcome of one call.
  package init(results: [String: HostArray], slots: [HostArray]) {
    self.results = results.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    self.slots = slots.enumerated().map { ("slot \($0)", $1) }
  }

  /// Notes what a call returned.
  package mutating func add(_ results: [String: HostArray], ofCall index: Int, _ entry: EntryName) {
    for (name, value) in results.sorted(by: { $0.key < $1.key }) {
      self.results.append(("\(name) of call \(index), \(entry.rawValue)", value))
    }
  }

  private var values: [(name: String, value: HostArray)] { results + slots }

  /// The values that differ from those of another outcome by more than a tolerance, in words.
  package func differences(
    from other: Outcome, tolerance: (HostArray) -> Double
  ) -> [String] {
    let found = Dictionary(other.values.map { ($0.name, $0.value) }) { first, _ in first }
    return values.compactMap { name, value in
      let error = found[name].map(value.normwiseError) ?? .infinity
      return error <= tolerance(value) ? nil : "\(name), \(value.type), is off by \(error)"
    }
  }

  /// The same with one tolerance for all.
  package func differences(from other: Outcome, tolerance: Double) -> [String] {
    differences(from: other) { _ in tolerance }
  }

  /// Whether all values have the same bits.
  package func isBitwiseEqual(to other: Outcome) -> Bool {
    values.map(\.value.bytes) == other.values.map(\.value.bytes)
  }
}

extension HostArray {
  /// The Euclidean norm of the difference over that of this array; where this one is tiny, over that
  /// of an array of hundredths.
  package func normwiseError(of other: HostArray) -> Double {
    guard shape == other.shape, element == other.element else { return .infinity }
    if !element.isFloatingPoint { return self == other ? 0 : .infinity }
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

/// The smallest number of operations for which a check fails, with what it says: for programs that
/// cannot be shrunk part by part.
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
