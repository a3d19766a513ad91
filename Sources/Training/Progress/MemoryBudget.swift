import DeepEPPlans

/// How much memory a rank may plan to take.
package struct MemoryBudget: Hashable, Sendable {
  /// The most.
  package var byteCount: Int
  /// Who says so, as an error names it.
  package var source: String
  /// Whether a person has chosen it, and could choose another.
  package var isChosen = true

  /// Makes a budget.
  package init(_ byteCount: Int, source: String) {
    (self.byteCount, self.source) = (byteCount, source)
  }

  /// What this host has for each of some ranks: no plan above it could run.
  package static func host(ranks: Int = 1) -> MemoryBudget {
    var budget = MemoryBudget(HostMemory.limitBytes / max(1, ranks), source: "this host has")
    budget.isChosen = false
    return budget
  }

  /// Looks whether a plan fits, before any of its memory is taken.
  ///
  /// - Throws: ``TrainingError`` with the largest values of the plan if it does not.
  package func check(_ plan: Plan) throws {
    guard plan.peakBytes > byteCount else { return }
    let largest = plan.largestValues(5).map { "\n  \(Quantity.bytes($0.byteCount)) \($0.name)" }
    let raised =
      isChosen ? "raise it to at least \((plan.peakBytes + (1 << 20) - 1) >> 20)MiB, or " : ""
    throw TrainingError(
      what: "the plan takes \(Quantity.bytes(plan.peakBytes)) of memory, "
        + "\(Quantity.bytes(plan.stateBytes)) of it parameters and optimizer, and \(source) "
        + "\(Quantity.bytes(byteCount)); the largest:\(largest.joined())",
      place: "memory",
      fix: raised
        + "use a smaller batch (with gradient accumulation), a shorter context, bf16, a smaller "
        + "model, or more ranks with zero=3")
  }
}
