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
    var writer = FrameWriter()
    for row in rows {
      writer.put(UInt8(TunedCollective.allCases.firstIndex(of: row.collective) ?? 0))
      writer.put(UInt8(CollectiveAlgorithm.allCases.firstIndex(of: row.algorithm) ?? 0))
      writer.put(row.layout.hostCount)
      writer.put(row.layout.rankCount)
      writer.put(row.byteLimit.map { $0 + 1 } ?? 0)
    }
    return writer.bytes
  }

  /// Reads rows that came from another rank; nil if they make no sense.
  package init?(bytes: [UInt8]) {
    guard bytes.count % Self.rowBytes == 0 else { return nil }
    var reader = FrameReader(bytes[...])
    var rows: [Row] = []
    for _ in 0..<bytes.count / Self.rowBytes {
      guard let row = try? Self.row(&reader) else { return nil }
      rows.append(row)
    }
    self.init(rows: rows)
  }

  private static func row(_ reader: inout FrameReader) throws -> Row? {
    let (collectives, algorithms) = (TunedCollective.allCases, CollectiveAlgorithm.allCases)
    let codes = (Int(try reader.integer(UInt8.self)), Int(try reader.integer(UInt8.self)))
    let (hosts, ranks) = (try reader.integer(Int.self), try reader.integer(Int.self))
    let limit = try reader.integer(Int.self)
    guard collectives.indices.contains(codes.0), algorithms.indices.contains(codes.1),
      hosts > 0, ranks >= hosts, limit >= 0
    else { return nil }
    let (collective, algorithm) = (collectives[codes.0], algorithms[codes.1])
    guard collective.algorithms.contains(algorithm) else { return nil }
    return Row(
      collective, on: Layout(hostCount: hosts, rankCount: ranks),
      byteLimit: limit == 0 ? nil : limit - 1, algorithm: algorithm)
  }
}
