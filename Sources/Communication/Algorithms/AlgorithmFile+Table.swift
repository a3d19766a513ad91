import FoundationEssentials

extension AlgorithmFile {
  /// The table of the file.
  ///
  /// - Throws: ``CommunicationError`` that names the first row that makes no sense.
  public func table(place: String) throws -> AlgorithmTable {
    let rows = try self.rows.enumerated().map { number, row in
      try checked(row, at: "\(place), row \(number)")
    }
    for (number, (row, next)) in zip(rows, rows.dropFirst()).enumerated()
    where row.collective == next.collective && row.layout == next.layout {
      guard let limit = row.byteLimit, next.byteLimit.map({ $0 > limit }) ?? true else {
        throw Self.error(
          "the sizes of a collective do not ascend", at: "\(place), row \(number + 1)")
      }
    }
    return AlgorithmTable(rows: rows)
  }

  private func checked(_ row: Row, at place: String) throws -> AlgorithmTable.Row {
    guard let collective = TunedCollective(rawValue: row.collective) else {
      let names = TunedCollective.allCases.map(\.rawValue).joined(separator: ", ")
      throw Self.error("'\(row.collective.prefix(40))' is none of \(names)", at: place)
    }
    guard let algorithm = CollectiveAlgorithm(rawValue: row.algorithm),
      collective.algorithms.contains(algorithm)
    else {
      let names = collective.algorithms.map(\.rawValue).joined(separator: ", ")
      throw Self.error("'\(row.algorithm.prefix(40))' is none of \(names)", at: place)
    }
    guard (1...1 << 20).contains(row.hosts), (row.hosts...1 << 20).contains(row.ranks) else {
      throw Self.error("there are no \(row.ranks) ranks on \(row.hosts) hosts", at: place)
    }
    guard row.upToBytes.map({ $0 >= 0 }) ?? true else {
      throw Self.error("a size is negative", at: place)
    }
    return AlgorithmTable.Row(
      collective, on: .init(hostCount: row.hosts, rankCount: row.ranks), byteLimit: row.upToBytes,
      algorithm: algorithm)
  }

  /// The text of the file.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }
}

extension AlgorithmTable {
  /// What is taken where nobody has measured: a table that comes with the program.
  ///
  /// It was measured between two hosts at 1 Gbit/s and 0.5 ms, and on one host.
  public static var packaged: AlgorithmTable {
    let bytes = PackageResources.algorithms_json
    // A test reads it; without it every collective would still work.
    return (try? AlgorithmFile(json: bytes, place: "packaged").table(place: "packaged"))
      ?? AlgorithmTable(.direct)
  }
}
