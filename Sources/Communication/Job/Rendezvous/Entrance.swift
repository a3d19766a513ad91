import DeepEPEvents
import Glibc

/// How a rank finds the hub of its job, says who it is, and waits for the other ranks.
struct Entrance {
  private let environment: JobEnvironment
  private let limits: JobLimits
  private let places: [(address: String, port: UInt16)]
  private let deadlineSeconds: Double

  /// - Parameter own: where the hub of this process listens, if it has one.
  init(_ environment: JobEnvironment, _ limits: JobLimits, _ own: (address: String, port: UInt16)?)
  {
    (self.environment, self.limits) = (environment, limits)
    let addresses = environment.isOneHost ? ["127.0.0.1"] : environment.addresses
    places = own.map { [$0] } ?? addresses.map { ($0, environment.port) }
    deadlineSeconds = Clock.seconds + limits.joinSeconds
  }

  /// Who takes part, the connection to the hub, and what was read of it already.
  func join() throws -> (Membership, Socket, [UInt8]) {
    while true {
      let connection = ControlConnection(try connected(), frameLimit: JobLimits.frameBytes)
      var members: [Int: Membership.Member] = [:]
      switch try outcome(connection, &members) {
      case .started: return (try membership(members), connection.socket, connection.unread)
      case .failed(let error): throw error
      // Many come at once, or somebody floods the port: this rank comes again.
      case .crowded: usleep(UInt32.random(in: 5_000...50_000))
      }
    }
  }

  private struct Stop: Error {}

  private enum Outcome { case started, failed(CommunicationError), crowded }

  /// Says who this rank is, and waits for the others; meanwhile the hub and the rank hear that the other lives.
  private func outcome(
    _ connection: ControlConnection, _ members: inout [Int: Membership.Member]
  ) throws -> Outcome {
    connection.send(.hello(hello(connection.socket)))
    var (vigil, isHeard) = (HubVigil(limits), false)
    while true {
      if vigil.isBeatDue() {
        connection.send(.heartbeat([RankRecords(rank: environment.rank, records: [])]))
      }
      connection.flush()
      let (outcome, end) = try received(connection) { message in
        vigil.hasHeard()
        isHeard = true
        return take(message, &members)
      }
      if let outcome { return outcome }
      // A hub with too many callers may have no time to say so.
      if end != nil, !isHeard { return .crowded }
      if let reason = end ?? vigil.silence { throw lost(reason) }
      try wait(connection)
    }
  }

  /// Takes messages until one says how it has come out; what follows belongs to the rank's thread.
  private func received(
    _ connection: ControlConnection, _ body: (ControlMessage) -> Outcome?
  ) throws -> (Outcome?, end: String?) {
    var outcome: Outcome?
    do {
      let end = try connection.receive { message in
        outcome = body(message)
        if outcome != nil { throw Stop() }
      }
      return (outcome, end)
    } catch is Stop {
      return (outcome, nil)
    } catch let error as FrameError {
      throw lost("it does not speak the protocol: \(error)")
    }
  }

  private func take(
    _ message: ControlMessage, _ members: inout [Int: Membership.Member]
  ) -> Outcome? {
    switch message {
    case .member(let rank, let member): members[rank] = member
    case .started: return .started
    case .failed(let error): return .failed(error)
    case .refused(JobLimits.crowded): return .crowded
    case .refused(let reason): return .failed(refusal(reason))
    default: break
    }
    return nil
  }

  private func membership(_ members: [Int: Membership.Member]) throws -> Membership {
    let list = (0..<environment.rankCount).compactMap { members[$0] }
    guard list.count == environment.rankCount, members.count == list.count else {
      throw lost("it told of \(members.count) ranks instead of \(environment.rankCount)")
    }
    return Membership(jobName: environment.jobName, rank: environment.rank, members: list)
  }

  private func hello(_ socket: Socket) -> Hello {
    let host = HostIdentity.current
    return Hello(
      jobName: environment.jobName, token: environment.token, rank: environment.rank,
      rankCount: environment.rankCount,
      member: .init(
        hostName: host.name, hostIdentifier: host.identifier, processIdentifier: getpid(),
        address: socket.local.address))
  }

  // MARK: Connecting

  /// Tries the places in turn until one answers: rank 0 may start later than this rank.
  private func connected() throws -> Socket {
    var last: (any Error)?
    while Clock.seconds < deadlineSeconds {
      for place in places {
        do { return try connection(to: place) } catch { last = error }
      }
      usleep(20_000)
    }
    let reason = (last as? CommunicationError)?.what ?? "nobody answered"
    throw CommunicationError(
      "cannot reach the job within \(limits.joinSeconds) s: \(reason)", at: place,
      fix: "see whether rank 0 was started, and whether this host reaches its address")
  }

  private func connection(to place: (address: String, port: UInt16)) throws -> Socket {
    let socket = try Socket.connecting(to: place.address, port: place.port)
    var list = [pollfd(fd: socket.descriptor, events: Int16(POLLOUT), revents: 0)]
    let isReady = poll(&list, 1, 2000) > 0
    if isReady, socket.connectionError == nil, socket.remote.port != 0, !socket.isItsOwnPeer {
      return socket
    }
    throw CommunicationError(
      isReady ? "nobody listens there" : "no answer", at: "\(place.address):\(place.port)",
      fix: "start rank 0")
  }

  private func wait(_ connection: ControlConnection) throws {
    // The hub knows which ranks are missing, so it goes first.
    guard Clock.seconds < deadlineSeconds + limits.silenceSeconds else {
      throw lost("the other ranks did not come within \(limits.joinSeconds) s")
    }
    let events = POLLIN | (connection.hasOutput ? POLLOUT : 0)
    var list = [
      pollfd(fd: connection.socket.descriptor, events: Int16(events), revents: 0)
    ]
    poll(&list, 1, Int32(max(1, limits.heartbeatSeconds * 1000 / 2)))
  }

  // MARK: Errors

  private var place: String {
    let list = places.map { "\($0.address):\($0.port)" }.joined(separator: ", ")
    return "rank \(environment.rank) of job \(environment.jobName), hub at \(list)"
  }

  private func refusal(_ reason: String) -> CommunicationError {
    CommunicationError(
      "this rank was refused: \(reason)", at: place,
      fix: "start all ranks of a job by one launch, with the same version of DeepEP")
  }

  private func lost(_ reason: String) -> CommunicationError {
    CommunicationError(
      "the job cannot be joined: \(reason)", at: place,
      fix: "see what the launcher or rank 0 says; another program may listen at that port")
  }
}
