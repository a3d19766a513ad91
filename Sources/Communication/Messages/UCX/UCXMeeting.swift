import DeepEPEvents

/// Connects the workers of a group's ranks.
///
/// Each rank tells the others its worker's address. UCX makes a connection with the first message, and both sides have a
/// part in that: all exchange messages here, where all are, and hear which connections cannot be made.
struct UCXMeeting {
  private static var limitSeconds: Double { 60 }

  private let control: any JobControl
  private let members: [Int]
  private let waker: Waker
  /// This rank's number in the group.
  let rank: Int

  init(_ control: any JobControl, _ members: [Int], _ waker: Waker) {
    (self.control, self.members, self.waker) = (control, members, waker)
    rank = members.firstIndex(of: control.rank) ?? 0
  }

  private var peers: [Int] { members.indices.filter { $0 != rank } }

  /// Makes a worker that is connected to those of all other ranks.
  func worker(_ context: UCXContext) throws -> UCXWorker {
    let worker = try UCXWorker(context, rank: rank, rankCount: members.count)
    let addresses = try addresses(worker, context.library.version)
    for peer in peers {
      if let reason = worker.connect(to: peer, addresses[peer]) { throw noWay(to: peer, reason) }
    }
    do {
      try greet(worker)
    } catch {
      worker.abandon()
      throw error
    }
    return worker
  }

  // MARK: Addresses

  /// The addresses of all ranks, which must have the same UCX: the addresses of one mean nothing to another.
  private func addresses(_ worker: UCXWorker, _ version: UCXVersion) throws -> [[UInt8]] {
    guard let address = worker.address(byteLimit: JobLimits.exchangeBytes - UCXVersion.byteCount)
    else {
      throw error(
        "the address of UCX's devices is too long",
        fix: "name the devices to use in UCX_NET_DEVICES; deepep doctor lists them")
    }
    let all = try control.exchange(version.bytes + address, as: "ucx", among: members)
    for peer in peers {
      guard all[peer].starts(with: version.bytes), all[peer].count > UCXVersion.byteCount else {
        throw error(
          "\(name(peer)) has another UCX than \(version)",
          fix: "use one version of UCX on all hosts")
      }
    }
    return all.map { Array($0.dropFirst(UCXVersion.byteCount)) }
  }

  // MARK: First messages

  /// Exchanges an empty message with every other rank.
  private func greet(_ worker: UCXWorker) throws {
    let nothing = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    let deadline = Clock.seconds + Self.limitSeconds
    var pending = peers.flatMap { peer in
      [
        (peer, worker.receive(into: nothing, from: peer, .box)),
        (peer, worker.send(UnsafeRawBufferPointer(nothing), to: peer, .box)),
      ]
    }
    while true {
      let hasMoved = worker.progress()
      for index in pending.indices { worker.update(&pending[index].1) }
      for case (let peer, .failed(let status)) in pending {
        throw noWay(to: peer, worker.reason(status))
      }
      pending.removeAll { !$0.1.isRunning }
      if pending.isEmpty { return }
      try check(deadline, Set(pending.map(\.0)).sorted())
      if !hasMoved { worker.sleep(waker, milliseconds: 20) }
    }
  }

  private func check(_ deadline: Double, _ missing: [Int]) throws {
    try control.check()
    guard Clock.seconds > deadline else { return }
    throw control.fail(
      error(
        "no connection by UCX with \(missing.map { members[$0] }.namedRanks) within "
          + "\(Self.limitSeconds) s",
        fix: "see whether a firewall stands between the hosts, and which devices UCX may use: "
          + "UCX_NET_DEVICES"))
  }

  // MARK: Errors

  private func name(_ peer: Int) -> String { control.membership.name(of: members[peer]) }

  private func noWay(to peer: Int, _ reason: String) -> CommunicationError {
    error(
      "UCX has no way to \(name(peer)): \(reason)",
      fix: "see whether UCX_TLS and UCX_NET_DEVICES allow a transport that both hosts have; "
        + "deepep doctor lists them")
  }

  private func error(_ what: String, fix: String) -> CommunicationError {
    CommunicationError(what, at: control.membership.name(of: control.rank), fix: fix)
  }
}

extension UCXVersion {
  /// As ranks tell it to one another.
  fileprivate static var byteCount: Int { 2 }
  fileprivate var bytes: [UInt8] { [UInt8(clamping: major), UInt8(clamping: minor)] }
}
