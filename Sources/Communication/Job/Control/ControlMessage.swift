/// What a rank says first.
package struct Hello: Hashable, Sendable {
  /// Both sides must speak the same.
  package static var protocolVersion: UInt32 { 3 }
  /// The first bytes of a first message: "DeepEP" and two zeros.
  static var mark: UInt64 { 0x0000_5045_7065_6544 }

  package var version = protocolVersion
  package var jobName: String
  package var token: String
  package var rank: Int
  package var rankCount: Int
  package var member: Membership.Member

  package init(
    jobName: String, token: String, rank: Int, rankCount: Int, member: Membership.Member
  ) {
    (self.jobName, self.token) = (jobName, token)
    (self.rank, self.rankCount, self.member) = (rank, rankCount, member)
  }
}

/// The last operations of a rank, and what it waits for.
package struct RankRecords: Hashable, Sendable {
  package var rank: Int
  package var records: [OperationRecord]
  /// Nothing where they are told to other ranks.
  package var waits: RankWaits

  package init(rank: Int, records: [OperationRecord], waits: RankWaits = RankWaits()) {
    (self.rank, self.records, self.waits) = (rank, records, waits)
  }
}

/// What ranks and the hub of a job say to one another.
package enum ControlMessage: Hashable, Sendable {
  /// A rank's first message.
  case hello(Hello)
  /// The hub's answer to who does not belong here.
  case refused(String)
  /// One rank of the job, sent to all once all have come.
  case member(rank: Int, Membership.Member)
  /// All members were sent.
  case started
  /// The sender lives. A rank sends its own last operations, the hub those of some ranks.
  case heartbeat([RankRecords])
  /// A rank's part of an exchange.
  case exchange(ExchangeName, [UInt8])
  /// The part of `rank`; `digest` is of the exchange's ranks.
  case exchanged(name: String, number: Int, digest: UInt64, rank: Int, [UInt8])
  /// A rank gives up.
  case fail(CommunicationError)
  /// The hub wants the last operations of a rank; the answer is a heartbeat.
  case collect
  /// The job has ended.
  case failed(CommunicationError)
  /// The sender ends in good order, and has waited for these ranks, the longest first.
  case leave([Straggler])
  /// A rank has ended in good order.
  case left(rank: Int)
  /// From where the job could go on.
  case offer(RestartPoint)
}

extension ControlMessage {
  private enum Kind: UInt8 {
    case hello = 1
    case refused, member, started, heartbeat, exchange, exchanged, fail, collect, failed, leave,
      left, offer
  }

  /// The message with its count before it.
  package var frame: [UInt8] {
    var writer = FrameWriter()
    write(to: &writer)
    return FrameBuffer.framed(writer.bytes)
  }

  private func write(to writer: inout FrameWriter) {
    switch self {
    case .hello(let hello): writer.put(Kind.hello, { $0.put(hello) })
    case .refused(let reason): writer.put(Kind.refused) { $0.put(reason, limit: 900) }
    case .member(let rank, let member):
      writer.put(Kind.member) {
        $0.put(UInt32(clamping: rank))
        $0.put(member)
      }
    case .started: writer.put(Kind.started)
    case .heartbeat(let ranks):
      writer.put(Kind.heartbeat) { $0.put(ranks) { $0.put($1) } }
    case .exchange(let name, let bytes):
      writer.put(Kind.exchange) {
        $0.put(name.name)
        $0.put(UInt32(clamping: name.number))
        $0.put(name.ranks) { $0.put(UInt32(clamping: $1)) }
        $0.put(bytes)
      }
    case .exchanged(let name, let number, let digest, let rank, let bytes):
      writer.put(Kind.exchanged) {
        $0.put(name)
        $0.put(UInt32(clamping: number))
        $0.put(digest)
        $0.put(UInt32(clamping: rank))
        $0.put(bytes)
      }
    case .fail(let error): writer.put(Kind.fail) { $0.put(error) }
    case .collect: writer.put(Kind.collect)
    case .failed(let error): writer.put(Kind.failed) { $0.put(error) }
    case .leave(let stragglers):
      writer.put(Kind.leave) {
        $0.put(Array(stragglers.prefix(JobReport.stragglerCount))) { $0.put($1) }
      }
    case .left(let rank): writer.put(Kind.left) { $0.put(UInt32(clamping: rank)) }
    case .offer(let point): writer.put(Kind.offer) { $0.put(point) }
    }
  }

  /// Reads a message that may be anything.
  ///
  /// - Throws: ``FrameError``.
  package init(_ bytes: ArraySlice<UInt8>) throws {
    var reader = FrameReader(bytes)
    let code = try reader.integer(UInt8.self)
    guard let kind = Kind(rawValue: code) else {
      throw FrameError(what: "there is no message of kind \(code)")
    }
    self = try Self.read(kind, &reader)
    try reader.finish()
  }

  private static func read(_ kind: Kind, _ reader: inout FrameReader) throws -> ControlMessage {
    switch kind {
    case .hello: .hello(try reader.hello())
    case .refused: .refused(try reader.text())
    case .member: .member(rank: try reader.rank(), try reader.member())
    case .started: .started
    case .heartbeat: .heartbeat(try reader.list(limit: 64, width: 16) { try $0.rankRecords() })
    case .exchange: .exchange(try reader.exchangeName(), try reader.exchangeBytes())
    case .exchanged:
      .exchanged(
        name: try reader.text(limit: 255), number: Int(try reader.integer(UInt32.self)),
        digest: try reader.integer(), rank: try reader.rank(), try reader.exchangeBytes())
    case .fail: .fail(try reader.error())
    case .collect: .collect
    case .failed: .failed(try reader.error())
    case .leave:
      .leave(try reader.list(limit: JobReport.stragglerCount, width: 20) { try $0.straggler() })
    case .left: .left(rank: try reader.rank())
    case .offer: .offer(try reader.restartPoint())
    }
  }
}

extension FrameWriter {
  fileprivate mutating func put<Kind: RawRepresentable<UInt8>>(
    _ kind: Kind, _ body: (inout FrameWriter) -> Void = { _ in }
  ) {
    put(kind.rawValue)
    body(&self)
  }

  /// The mark, and all numbers before any text, so that other versions can be told.
  fileprivate mutating func put(_ hello: Hello) {
    put(Hello.mark)
    put(hello.version)
    put(UInt32(clamping: hello.rank))
    put(UInt32(clamping: hello.rankCount))
    put(hello.jobName, limit: 128)
    put(hello.token, limit: 128)
    put(hello.member)
  }

  fileprivate mutating func put(_ member: Membership.Member) {
    put(member.hostName, limit: 128)
    put(member.hostIdentifier, limit: 256)
    put(member.processIdentifier)
    put(member.address, limit: 64)
  }

  fileprivate mutating func put(_ ranks: RankRecords) {
    put(UInt32(clamping: ranks.rank))
    put(Array(ranks.records.suffix(JobReport.operationCount))) { $0.put($1) }
    put(ranks.waits.restNumber)
    put(Array(ranks.waits.waits.prefix(RankWaits.threadLimit))) { writer, wait in
      writer.put(wait.operation)
      writer.put(wait.exchange)
      writer.put(wait.ranks) { $0.put(UInt32(clamping: $1)) }
    }
  }

  fileprivate mutating func put(_ straggler: Straggler) {
    put(UInt32(clamping: straggler.rank))
    put(UInt64(clamping: straggler.count))
    put(UInt64(min(1e18, max(0, straggler.waitSeconds * 1e9))))
  }

  fileprivate mutating func put(_ point: RestartPoint) {
    put(Array(point.rankCounts.prefix(JobLimits.rankCount))) { $0.put(UInt32(clamping: $1)) }
    // A path that was cut would be another file.
    let fits = point.checkpoint.map { $0.path.utf8.count <= FrameReader.textLimit } ?? false
    let checkpoint = fits ? point.checkpoint : nil
    put(checkpoint?.path ?? "")
    put(UInt64(clamping: checkpoint?.step ?? 0))
  }

  private mutating func put(_ record: OperationRecord) {
    for word in record.words(now: 1 << 62).all { put(word) }
  }

  fileprivate mutating func put(_ error: CommunicationError) {
    put(error.what)
    put(error.place)
    put(error.fix)
    put(error.reportedLines) { $0.put($1, limit: 512) }
  }
}

extension FrameReader {
  fileprivate mutating func rank() throws -> Int { try number(upTo: JobLimits.rankCount) }

  fileprivate mutating func hello() throws -> Hello {
    guard try integer(UInt64.self) == Hello.mark else {
      throw FrameError(what: "the first message is not that of a rank")
    }
    let version = try integer(UInt32.self)
    guard version == Hello.protocolVersion else {
      throw FrameError(
        what: "version \(version) of the control protocol, here it is \(Hello.protocolVersion)")
    }
    let (rank, rankCount) = (try rank(), try self.rank())
    return Hello(
      jobName: try text(limit: 128), token: try text(limit: 128), rank: rank,
      rankCount: rankCount, member: try member())
  }

  fileprivate mutating func member() throws -> Membership.Member {
    Membership.Member(
      hostName: try text(limit: 128), hostIdentifier: try text(limit: 256),
      processIdentifier: try integer(), address: try text(limit: 64))
  }

  fileprivate mutating func rankRecords() throws -> RankRecords {
    let rank = try rank()
    let records = try list(limit: JobReport.operationCount, width: Self.recordBytes) {
      try $0.record()
    }
    let number = try integer(UInt64.self)
    let waits = try list(limit: RankWaits.threadLimit, width: Self.recordBytes) { try $0.wait() }
    return RankRecords(
      rank: rank, records: records, waits: RankWaits(restNumber: number, waits: waits))
  }

  fileprivate mutating func straggler() throws -> Straggler {
    Straggler(
      rank: try rank(), count: Int(clamping: try integer(UInt64.self)),
      waitSeconds: Double(try integer(UInt64.self)) * 1e-9)
  }

  fileprivate mutating func restartPoint() throws -> RestartPoint {
    let counts = try list(limit: JobLimits.rankCount, width: 4) { try $0.rank() }
    let path = try text()
    let step = Int(clamping: try integer(UInt64.self))
    return RestartPoint(
      rankCounts: counts, checkpoint: path.isEmpty ? nil : .init(path: path, step: step))
  }

  private static var recordBytes: Int { OperationRecord.Words.count * 8 }

  private mutating func record() throws -> OperationRecord {
    let words = try (0..<OperationRecord.Words.count).map { _ in try integer(UInt64.self) }
    return OperationRecord(OperationRecord.Words(words), now: 1 << 62)
  }

  private mutating func wait() throws -> RankWait {
    let (operation, exchange) = (try record(), try integer(UInt64.self))
    let ranks = try list(limit: RankWait.rankLimit, width: 4) { try $0.rank() }
    return RankWait(operation: operation, ranks: ranks, exchange: exchange)
  }

  fileprivate mutating func exchangeName() throws -> ExchangeName {
    let (name, number) = (try text(limit: 255), Int(try integer(UInt32.self)))
    let ranks = try list(limit: JobLimits.rankCount, width: 4) { try $0.rank() }
    return ExchangeName(name: name, ranks: ranks, number: number)
  }

  fileprivate mutating func exchangeBytes() throws -> [UInt8] {
    try bytes(limit: JobLimits.exchangeBytes)
  }

  fileprivate mutating func error() throws -> CommunicationError {
    var error = CommunicationError(try text(), at: try text(), fix: try text())
    error.lastOperations = try list(limit: JobReport.lineCount, width: 4) {
      try $0.text(limit: 512)
    }
    return error
  }
}
