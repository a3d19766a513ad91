/// The UCX transport's messages: a worker for each group, connected to those of all its ranks.
struct UCXMessages: MessageFabric {
  private let context: UCXContext

  /// Opens the library, and what it finds on this host.
  ///
  /// - Throws: ``CommunicationError`` if there is no UCX, or it cannot be used.
  init() throws { context = try UCXContext(UCXLibrary()) }

  func channel(_ control: any JobControl, among members: [Int]) throws -> any MessageChannel {
    let waker = try Waker()
    // The job outlives its groups, whose descriptors go with them.
    control.onFailure { [weak waker] in waker?.wake() }
    let rank = members.firstIndex(of: control.rank) ?? 0
    let worker = members.count > 1 ? try connected(control, members, rank) : nil
    return ParcelChannel(worker, rankCount: members.count, rank: rank, waker)
  }

  /// Makes a worker, and connects it to those of the other ranks.
  private func connected(
    _ control: any JobControl, _ members: [Int], _ rank: Int
  ) throws -> UCXWorker {
    let place = control.membership.name(of: control.rank)
    let worker = try UCXWorker(context, rank: rank, rankCount: members.count)
    guard let address = worker.address(byteLimit: JobLimits.exchangeBytes - UCXVersion.byteCount)
    else {
      throw CommunicationError(
        "the address of UCX's devices is too long", at: place,
        fix: "name the devices to use in UCX_NET_DEVICES; ucx_info -d lists them")
    }
    let version = context.library.version
    let all = try control.exchange(version.bytes + address, as: "ucx", among: members)
    for (peer, bytes) in all.enumerated() where members[peer] != control.rank {
      guard bytes.starts(with: version.bytes), bytes.count > UCXVersion.byteCount else {
        throw CommunicationError(
          "\(control.membership.name(of: members[peer])) has another UCX than \(version)",
          at: place, fix: "use one version of UCX on all hosts")
      }
      if let reason = worker.connect(to: peer, Array(bytes[UCXVersion.byteCount...])) {
        throw CommunicationError(
          "UCX has no way to \(control.membership.name(of: members[peer])): \(reason)", at: place,
          fix: "see whether UCX_TLS and UCX_NET_DEVICES allow a transport that both hosts have")
      }
    }
    // Whoever is done may go only when all have opened its memory.
    _ = try control.exchange([], as: "ucx is connected", among: members)
    return worker
  }
}

extension UCXVersion {
  /// As ranks tell it to one another.
  fileprivate static var byteCount: Int { 2 }
  fileprivate var bytes: [UInt8] { [UInt8(clamping: major), UInt8(clamping: minor)] }
}
