import DeepEPCommunication

/// What must be alike on all ranks of a run, compared before it is relied on.
package struct RunAgreement {
  /// Something that each rank knows for itself.
  package struct Fact: Hashable, Sendable {
    /// What it is: "strategy".
    package var name: String
    /// What this rank has of it, as short text.
    package var value: String

    /// Makes a fact.
    package init(_ name: String, _ value: String) {
      (self.name, self.value) = (name, value)
    }
  }

  private let facts: [Fact]

  /// Collects facts; all ranks have the same names in the same order.
  package init(_ facts: [Fact]) { self.facts = facts }

  /// Compares with the other ranks; collective over all of them.
  ///
  /// - Throws: ``TrainingError``, the same on all ranks, that says which rank differs from rank 0 in what;
  ///   ``CommunicationError`` if the job has failed.
  package func check(_ control: any JobControl) throws {
    guard control.rankCount > 1 else { return }
    let values = try control.exchange(bytes, as: "agreement").map(values)
    for rank in values.indices where values[rank] != values[0] {
      let differences = facts.indices.filter { values[rank][$0] != values[0][$0] }
      let texts = differences.map { index in
        "\(facts[index].name) is \(values[0][index]) on rank 0 and \(values[rank][index]) on rank \(rank)"
      }
      throw TrainingError(
        what: texts.joined(separator: "; "), place: "start of the job",
        fix: "give all ranks the same program, options and data")
    }
  }

  /// The values, each with a length that leaves room for all in an exchange.
  private var bytes: [UInt8] {
    let limit = JobLimits.exchangeBytes / max(1, facts.count) - 1
    return Array(facts.map { Array($0.value.utf8.prefix(limit)) }.joined(separator: [0]))
  }

  /// One for each fact, whatever another rank has sent.
  private func values(_ bytes: [UInt8]) -> [String] {
    let parts = bytes.split(separator: 0, omittingEmptySubsequences: false)
    return facts.indices.map {
      parts.indices.contains($0) ? String(decoding: parts[$0], as: UTF8.self) : "unknown"
    }
  }
}
