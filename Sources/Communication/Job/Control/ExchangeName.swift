import DeepEPElements

/// Which exchange: its name, its ranks, and how many of both there were before.
package struct ExchangeName: Hashable, Sendable {
  package var name: String
  package var ranks: [Int]
  package var number: Int

  package init(name: String, ranks: [Int], number: Int = 0) {
    (self.name, self.ranks, self.number) = (name, ranks, number)
  }

  /// Tells lists of ranks apart.
  package var digest: UInt64 { WordDigest.of(ranks) }

  /// Tells exchanges apart; never zero.
  package var identity: UInt64 {
    let words = Array(name.utf8).map { UInt64($0) } + [UInt64(clamping: number), digest]
    return max(1, WordDigest.of(words))
  }
}

extension Membership {
  /// Throws unless an exchange makes sense.
  func checkExchange(_ bytes: [UInt8], as name: String, among ranks: [Int]) throws {
    let isAscending = zip(ranks, ranks.dropFirst()).allSatisfy { $0 < $1 }
    guard isAscending, ranks.contains(rank), ranks.allSatisfy(members.indices.contains) else {
      throw CommunicationError(
        "\(ranks) are no ranks for exchange '\(name)'", at: self.name(of: rank),
        fix: "list numbers from 0 to \(rankCount - 1) in ascending order, \(rank) among them")
    }
    guard bytes.count <= JobLimits.exchangeBytes, name.utf8.count <= 255 else {
      throw CommunicationError(
        "exchange '\(name)' of \(bytes.count) bytes is too large", at: self.name(of: rank),
        fix: "give at most \(JobLimits.exchangeBytes) bytes, and move data by a transport")
    }
  }

  /// The error of ranks that do not come to an exchange.
  func missingInExchange(
    _ name: String, _ missing: [Int], _ limitSeconds: Double
  ) -> CommunicationError {
    CommunicationError(
      "\(missing.namedRanks) did not come to exchange '\(name)' within \(limitSeconds) s",
      at: self.name(of: rank), fix: "see what the missing ranks were doing")
  }
}
