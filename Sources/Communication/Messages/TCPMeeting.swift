import DeepEPEvents
import Glibc

/// Connects any two ranks of a group.
///
/// Every rank listens at its own address at a free port, gives port and a secret to the others through
/// the job's control, connects to the ranks before it, and waits for those behind it. Who
/// does not know the secret is turned away; afterwards nobody listens any more.
struct TCPMeeting {
  private static var limitSeconds: Double { 60 }
  private static var secretBytes: Int { 16 }

  private let control: any JobControl
  private let members: [Int]
  private let rank: Int

  init(_ control: any JobControl, _ members: [Int]) {
    (self.control, self.members) = (control, members)
    rank = members.firstIndex(of: control.rank) ?? 0
  }

  /// The sockets by rank of the group; nil is this rank.
  func sockets() throws -> [Socket?] {
    var sockets = [Socket?](repeating: nil, count: members.count)
    guard members.count > 1 else { return sockets }
    let address = control.membership.members[control.rank].address
    let listener = try Socket.listening(at: address, port: 0)
    let secret = (0..<Self.secretBytes).map { _ in UInt8.random(in: 0 ... .max) }
    let port = listener.local.port
    let all = try control.exchange(
      [UInt8(port >> 8), UInt8(port & 0xff)] + secret, as: "tcp", among: members)
    for peer in 0..<rank { sockets[peer] = try connecting(to: peer, all[peer]) }
    let deadline = Clock.seconds + Self.limitSeconds
    for peer in 0..<rank {
      if let socket = sockets[peer] {
        try greet(peer, socket, Array(all[peer].dropFirst(2)), deadline)
      }
    }
    try accept(listener, secret, &sockets, deadline)
    return sockets
  }

  // MARK: To the ranks before this one

  private func connecting(to peer: Int, _ bytes: [UInt8]) throws -> Socket {
    guard bytes.count == 2 + Self.secretBytes else {
      throw error("\(name(peer)) has sent no port", fix: "use one version on all ranks")
    }
    let port = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
    return try Socket.connecting(
      to: control.membership.members[members[peer]].address, port: port)
  }

  private func greet(_ peer: Int, _ socket: Socket, _ secret: [UInt8], _ deadline: Double) throws {
    while !isReady(socket, POLLOUT) { try check(deadline, [peer]) }
    if let reason = socket.connectionError {
      throw error(
        "cannot connect to \(name(peer)): \(reason)",
        fix: "see whether this host reaches that rank's address")
    }
    let hello = secret + [UInt8(rank >> 8 & 0xff), UInt8(rank & 0xff)]
    guard case .bytes(hello.count) = hello.withUnsafeBytes({ socket.write($0) }) else {
      throw error("\(name(peer)) ends connections", fix: "see what that rank says")
    }
  }

  // MARK: From the ranks behind this one

  private func accept(
    _ listener: Socket, _ secret: [UInt8], _ sockets: inout [Socket?], _ deadline: Double
  ) throws {
    var strangers: [TCPStranger] = []
    while let missing = missing(sockets) {
      // A bounded number at a time, and the oldest make room: silent strangers do not keep a rank out.
      for _ in 0..<JobLimits.strangerCount {
        guard let socket = listener.accepted() else { break }
        strangers.append(TCPStranger(socket, deadline: Clock.seconds + JobLimits().helloSeconds))
      }
      strangers.removeFirst(max(0, strangers.count - JobLimits.strangerCount - missing.count))
      for index in strangers.indices.reversed() {
        guard let answer = strangers[index].answer(secret) else { continue }
        let stranger = strangers.remove(at: index)
        guard case .rank(let peer) = answer, peer > rank, peer < members.count,
          sockets[peer] == nil
        else { continue }
        sockets[peer] = stranger.socket
      }
      if self.missing(sockets) != nil {
        wait(for: [listener] + strangers.map(\.socket))
        try check(deadline, missing)
      }
    }
  }

  private func missing(_ sockets: [Socket?]) -> [Int]? {
    let missing = (rank + 1..<members.count).filter { sockets[$0] == nil }
    return missing.isEmpty ? nil : missing
  }

  // MARK: Waiting

  private func isReady(_ socket: Socket, _ events: Int32) -> Bool {
    var entry = pollfd(fd: socket.descriptor, events: Int16(events), revents: 0)
    return poll(&entry, 1, 10) > 0
  }

  private func wait(for sockets: [Socket]) {
    var entries = sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    _ = poll(&entries, nfds_t(entries.count), 10)
  }

  private func check(_ deadline: Double, _ missing: [Int]) throws {
    try control.check()
    guard Clock.seconds > deadline else { return }
    throw control.fail(
      error(
        "no connection with \(missing.map { members[$0] }.namedRanks) within \(Self.limitSeconds) s",
        fix: "see whether a firewall stands between the hosts"))
  }

  private func name(_ peer: Int) -> String { control.membership.name(of: members[peer]) }

  private func error(_ what: String, fix: String) -> CommunicationError {
    CommunicationError(what, at: control.membership.name(of: control.rank), fix: fix)
  }
}

/// A connection that has not said who it is.
private struct TCPStranger {
  enum Answer {
    case rank(Int)
    /// Not one of the group.
    case refused
  }

  let socket: Socket
  private let deadline: Double
  private var hello: [UInt8] = []

  init(_ socket: Socket, deadline: Double) { (self.socket, self.deadline) = (socket, deadline) }

  /// Who it is; nil if it has not said so yet.
  mutating func answer(_ secret: [UInt8]) -> Answer? {
    // Not a byte beyond the greeting: what follows belongs to the channel.
    var bytes = [UInt8](repeating: 0, count: secret.count + 2 - hello.count)
    switch bytes.withUnsafeMutableBytes({ socket.read(into: $0) }) {
    case .closed: return .refused
    case .wait: return Clock.seconds > deadline ? .refused : nil
    case .bytes(let count): hello += bytes[..<count]
    }
    guard hello.count == secret.count + 2 else { return nil }
    guard Array(hello.dropLast(2)) == secret else { return .refused }
    return .rank(Int(hello[secret.count]) << 8 | Int(hello[secret.count + 1]))
  }
}
