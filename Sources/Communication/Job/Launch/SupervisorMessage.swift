/// What a launcher and the supervisor of a host's ranks say to one another, over the supervisor's
/// standard input and output: ssh carries those as well as a pipe does.
enum SupervisorMessage: Hashable, Sendable {
  /// What a supervisor starts.
  struct Setup: Hashable, Sendable {
    /// The first and the last of its ranks are these.
    var ranks: Range<Int>
    var command: [String]
    /// "NAME=value", beside what the supervisor has.
    var environment: [String]
    /// The working directory; empty keeps the supervisor's.
    var directory: String
  }

  /// The launcher's first message.
  case setup(Setup)
  /// The launcher wants a signal sent to all ranks.
  case signal(Int32)
  /// A rank runs.
  case started(rank: Int, processIdentifier: Int32)
  /// What a rank has written.
  case output(rank: Int, isError: Bool, [UInt8])
  /// The process of a rank is stopped, for some time already.
  case stopped(rank: Int)
  /// A rank has ended, with the status of wait(2).
  case exited(rank: Int, waitStatus: Int32)
  /// The ranks cannot be started.
  case failed(String)

  /// The most bytes of a message.
  static var frameBytes: Int { 1 << 20 }
  /// The most bytes of output in a message.
  static var outputBytes: Int { 32 << 10 }
}

extension SupervisorMessage {
  /// The message with its count before it.
  var frame: [UInt8] {
    var writer = FrameWriter()
    switch self {
    case .setup(let setup):
      writer.put(UInt8(1))
      writer.put(UInt32(clamping: setup.ranks.lowerBound))
      writer.put(UInt32(clamping: setup.ranks.upperBound))
      writer.put(setup.command) { $0.put($1, limit: Self.frameBytes) }
      writer.put(setup.environment) { $0.put($1, limit: Self.frameBytes) }
      writer.put(setup.directory)
    case .signal(let number):
      writer.put(UInt8(2))
      writer.put(number)
    case .started(let rank, let process):
      writer.put(UInt8(3))
      writer.put(UInt32(clamping: rank))
      writer.put(process)
    case .output(let rank, let isError, let bytes):
      writer.put(UInt8(isError ? 5 : 4))
      writer.put(UInt32(clamping: rank))
      writer.put(bytes)
    case .exited(let rank, let status):
      writer.put(UInt8(6))
      writer.put(UInt32(clamping: rank))
      writer.put(status)
    case .failed(let reason):
      writer.put(UInt8(7))
      writer.put(reason)
    case .stopped(let rank):
      writer.put(UInt8(8))
      writer.put(UInt32(clamping: rank))
    }
    return FrameBuffer.framed(writer.bytes)
  }

  /// Reads a message that may be anything, as when a login shell prints a greeting.
  ///
  /// - Throws: ``FrameError``.
  init(_ bytes: ArraySlice<UInt8>) throws {
    var reader = FrameReader(bytes)
    let kind = try reader.integer(UInt8.self)
    switch kind {
    case 1: self = .setup(try reader.setup())
    case 2: self = .signal(try reader.integer())
    case 3: self = .started(rank: try reader.rank(), processIdentifier: try reader.integer())
    case 4, 5:
      self = .output(
        rank: try reader.rank(), isError: kind == 5, try reader.bytes(limit: Self.outputBytes))
    case 6: self = .exited(rank: try reader.rank(), waitStatus: try reader.integer())
    case 7: self = .failed(try reader.text())
    case 8: self = .stopped(rank: try reader.rank())
    default: throw FrameError(what: "there is no message of kind \(kind)")
    }
    try reader.finish()
  }
}

extension FrameReader {
  fileprivate mutating func rank() throws -> Int { try number(upTo: JobLimits.rankCount) }

  fileprivate mutating func setup() throws -> SupervisorMessage.Setup {
    let (start, end) = (try rank(), try rank())
    guard start < end else { throw FrameError(what: "no ranks to start") }
    let limit = SupervisorMessage.frameBytes
    let texts = { (reader: inout FrameReader) in
      try reader.list(limit: 1 << 16, width: 4) { try $0.text(limit: limit) }
    }
    return SupervisorMessage.Setup(
      ranks: start..<end, command: try texts(&self), environment: try texts(&self),
      directory: try text())
  }
}
