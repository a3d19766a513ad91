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
    let socket = try connected()
    let connection = ControlConnection(socket, frameLimit: JobLimits.frameBytes)
    connection.send(.hello(hello(socket)))
    var members: [Int: Membership.Member] = [:]
    var outcome: Outcome?
    while outcome == nil {
      if let end = connection.flush() { throw lost(end) }
      do {
        let end = try connection.receive { message in
          guard outcome == nil else { throw Stop() }
          outcome = try self.take(message, &members)
          // What follows belongs to the rank's thread.
          if outcome != nil { throw Stop() }
        }
        if let end, outcome == nil { throw lost(end) }
      } catch is Stop {
      } catch let error as FrameError {
        throw lost("it does not speak the protocol: \(error)")
      }
      if outcome == nil { try wait(socket, POLLIN | (connection.hasOutput ? POLLOUT : 0)) }
    }
    switch outcome {
    case .failed(let error)?: throw error
    case .started?, nil: return (try membership(members), socket, connection.unread)
    }
  }

  private struct Stop: Error {}

  private enum Outcome { case started, failed(CommunicationError) }

  private func take(
    _ message: ControlMessage, _ members: inout [Int: Membership.Member]
  ) throws -> Outcome? {
    switch message {
    case .member(let rank, let member): members[rank] = member
    case .started: return .started
    case .failed(let error): return .failed(error)
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
    if isReady, socket.connectionError == nil, socket.remote.port != 0 { return socket }
    throw CommunicationError(
      isReady ? "nobody listens there" : "no answer", at: "\(place.address):\(place.port)",
      fix: "start rank 0")
  }

  private func wait(_ socket: Socket, _ events: Int32) throws {
    guard Clock.seconds < deadlineSeconds + limits.silenceSeconds else {
      throw lost("the other ranks did not come within \(limits.joinSeconds) s")
    }
    var list = [pollfd(fd: socket.descriptor, events: Int16(events), revents: 0)]
    poll(&list, 1, 100)
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
