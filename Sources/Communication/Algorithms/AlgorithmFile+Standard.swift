import Glibc

extension AlgorithmFile {
  /// Where `deepep benchmark communication` puts the table, and jobs look for it.
  ///
  /// `$XDG_CACHE_HOME/deepep/algorithms.json`, or in `~/.cache/deepep`; nil if neither is known.
  public static var standardPath: String? {
    if let cache = variable("XDG_CACHE_HOME") { return "\(cache)/deepep/algorithms.json" }
    return variable("HOME").map { "\($0)/.cache/deepep/algorithms.json" }
  }

  /// The XDG base directory specification: a path that is not absolute is as if it were not set.
  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
  }
}

extension MessageOptions {
  /// The options of a job whose ranks all take the table that is found where rank 0 runs, or else the packaged one.
  ///
  /// Collective over all ranks: hosts may have different files, or none.
  ///
  /// - Throws: ``CommunicationError`` on all ranks if rank 0 cannot use its file.
  package static func standard(_ control: any JobControl) throws -> MessageOptions {
    var options = MessageOptions()
    var own: [UInt8] = []
    if control.rank == 0, let path = AlgorithmFile.standardPath, access(path, F_OK) == 0 {
      do {
        own = try AlgorithmFile(path: path).table(place: path).bytes(place: path)
      } catch let error as CommunicationError { throw control.fail(error) }
    }
    let bytes = try control.exchange(own, as: "table of algorithms")[0]
    guard !bytes.isEmpty else { return options }
    guard let table = AlgorithmTable(bytes: bytes) else {
      throw control.fail(
        CommunicationError(
          "rank 0 sent no table of algorithms", at: control.membership.name(of: control.rank),
          fix: "use the same version of DeepEP on all ranks"))
    }
    options.algorithms = table
    return options
  }
}

extension AlgorithmTable {
  /// Of a row: collective and algorithm, then hosts, ranks and size in 8 bytes each, the size plus one.
  private static var rowBytes: Int { 26 }

  /// The rows as bytes for an exchange.
  ///
  /// - Throws: ``CommunicationError`` if there are more than fit.
  package func bytes(place: String) throws -> [UInt8] {
    guard rows.count * Self.rowBytes <= JobLimits.exchangeBytes else {
      throw AlgorithmFile.error(
        "it has more than \(JobLimits.exchangeBytes / Self.rowBytes) rows", at: place)
    }
    return rows.flatMap { row in
      let codes = [
        TunedCollective.allCases.firstIndex(of: row.collective),
        CollectiveAlgorithm.allCases.firstIndex(of: row.algorithm),
      ]
      let words = [row.layout.hostCount, row.layout.rankCount, row.byteLimit.map { $0 + 1 } ?? 0]
      return codes.map { UInt8($0 ?? 0) }
        + words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }
  }

  /// Reads rows that came from another rank; nil if they make no sense.
  package init?(bytes: [UInt8]) {
    guard bytes.count % Self.rowBytes == 0 else { return nil }
    var rows: [Row] = []
    for start in stride(from: 0, to: bytes.count, by: Self.rowBytes) {
      guard let row = Self.row(Array(bytes[start..<start + Self.rowBytes])) else { return nil }
      rows.append(row)
    }
    self.init(rows: rows)
  }

  private static func row(_ bytes: [UInt8]) -> Row? {
    let (collectives, algorithms) = (TunedCollective.allCases, CollectiveAlgorithm.allCases)
    guard collectives.indices.contains(Int(bytes[0])), algorithms.indices.contains(Int(bytes[1]))
    else { return nil }
    let (collective, algorithm) = (collectives[Int(bytes[0])], algorithms[Int(bytes[1])])
    guard collective.algorithms.contains(algorithm), let hosts = word(0, of: bytes),
      let ranks = word(1, of: bytes), let limit = word(2, of: bytes), hosts > 0, ranks >= hosts
    else { return nil }
    return Row(
      collective, on: Layout(hostCount: hosts, rankCount: ranks),
      byteLimit: limit == 0 ? nil : limit - 1, algorithm: algorithm)
  }

  private static func word(_ number: Int, of bytes: [UInt8]) -> Int? {
    let start = 2 + 8 * number
    let word = bytes[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int(exactly: word)
  }
}
