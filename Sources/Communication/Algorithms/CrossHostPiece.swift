import DeepEPElements

/// A shard of one piece of an all-reduce, on its way between the hosts.
///
/// Three pieces are under way at a time: what a rank sends of one goes out while another comes in. All
/// hosts take the steps of all pieces in the same order. One of these serves many pieces, one after another.
// Its state is touched by one thread at a time: that which uses the communicator.
final class CrossHostPiece: @unchecked Sendable {
  /// What is summed, and how.
  struct Work {
    var partial: PartialReduction
    var wire: WireFormat
    /// How many ranks there are in all.
    var rankCount: Int
  }

  private let group: MessageCommunicator
  /// The ranks of the group in the order of their hosts.
  private let order: [Int]
  private let memories = (0..<5).map { _ in StagingMemory() }
  private let results: StagingMemory
  private var work = Work(
    partial: PartialReduction(element: .float32, reduction: .sum), wire: .exact, rankCount: 1)
  private var requests: [MessageRequest] = []
  private var tag = MessageTag(bits: 0)
  private var count = 0
  private var residual: UnsafeMutableBufferPointer<Float>?
  /// What the ranks of this host make of their elements, not yet rounded.
  private(set) var shard = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  /// What all ranks make of them, where the other ranks of the host read it.
  private(set) var result = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  /// Makes one for many pieces.
  ///
  /// - Parameters:
  ///   - group: the ranks of all hosts that have the same shard.
  ///   - order: these ranks in the order of their hosts.
  ///   - host: the ranks of this host.
  init(_ group: MessageCommunicator, order: [Int], host: any Communicator) {
    (self.group, self.order) = (group, order)
    results = StagingMemory(of: host)
  }

  private var partial: PartialReduction { work.partial }
  private var wire: WireFormat { work.wire }
  private var wideBytes: Int { partial.wide.byteCount }
  private var elementBytes: Int { partial.element.byteCount }

  private func share(_ host: Int) -> Range<Int> { group.share(of: count, host) }

  /// Begins with another piece.
  ///
  /// - Parameters:
  ///   - count: how many elements the shard has.
  ///   - residual: what earlier rounding has lost of the first elements of the shard.
  func begin(
    _ work: Work, count: Int, tag: MessageTag, residual: UnsafeMutableBufferPointer<Float>?
  ) throws {
    (self.work, self.count, self.tag, self.residual) = (work, count, tag, residual)
    shard = try memories[0].take(count * wideBytes)
    result = try results.take(count * elementBytes)
  }

  // MARK: To the hosts that combine

  /// Posts each other host's share of the shard.
  func post() throws {
    let own = share(group.rank).count
    let incoming = try memories[1].take(group.rankCount * incomingBytes(own))
    let widest = incomingBytes(share(0).count)
    let outgoing = try memories[2].take(wire == .exact ? 0 : group.rankCount * widest)
    for host in group.others {
      let target = incoming.part(host * incomingBytes(own), incomingBytes(own))
      let bytes = try encoded(share(host), outgoing, host * widest)
      requests.append(group.channel.receive(into: target, from: host, tag: tag))
      requests.append(group.channel.send(bytes, to: host, tag: tag))
    }
  }

  private func incomingBytes(_ count: Int) -> Int {
    wire == .exact ? count * wideBytes : wire.byteCount(count)
  }

  private func encoded(
    _ share: Range<Int>, _ outgoing: UnsafeMutableRawBufferPointer, _ offset: Int
  ) throws -> UnsafeRawBufferPointer {
    let bytes = shard.part(share.lowerBound * wideBytes, share.count * wideBytes)
    if wire == .exact { return UnsafeRawBufferPointer(bytes) }
    let target = outgoing.part(offset, wire.byteCount(share.count))
    wire.encode(bytes, into: target, residual: residual(share))
    return UnsafeRawBufferPointer(target)
  }

  /// What was lost of a share before; elements that only fill up a shard have lost nothing.
  private func residual(_ share: Range<Int>) -> UnsafeMutableBufferPointer<Float>? {
    residual.map { residual in
      let end = min(share.upperBound, residual.count)
      return UnsafeMutableBufferPointer(
        rebasing: residual[min(share.lowerBound, end)..<end])
    }
  }

  // MARK: From the hosts that combined

  /// Waits for this host's share of all hosts, combines them in the order of the hosts, and posts the result.
  ///
  /// - Parameter isMeeting: whether the first messages of the operation are waited for.
  func combine(isMeeting: Bool) throws {
    try group.wait(for: requests, isMeeting: isMeeting)
    requests = []
    let own = share(group.rank)
    try combineOwn(own)
    let target = result.part(own.lowerBound * elementBytes, own.count * elementBytes)
    let outgoing = try outgoingResult(target, own)
    let widest = resultBytes(share(0).count)
    let incoming = try memories[3].take(wire == .exact ? 0 : group.rankCount * widest)
    for host in group.others {
      let share = share(host)
      let place =
        wire == .exact
        ? result.part(share.lowerBound * elementBytes, share.count * elementBytes)
        : incoming.part(host * widest, resultBytes(share.count))
      requests.append(group.channel.receive(into: place, from: host, tag: tag.step(1)))
      requests.append(group.channel.send(outgoing, to: host, tag: tag.step(1)))
    }
  }

  private func resultBytes(_ count: Int) -> Int {
    wire == .exact ? count * elementBytes : wire.byteCount(count)
  }

  private func combineOwn(_ own: Range<Int>) throws {
    guard !own.isEmpty, let shard = shard.baseAddress, let target = result.baseAddress else {
      return
    }
    let sum = shard + own.lowerBound * wideBytes
    let incoming = try decodedIncoming(own.count)
    let sources = order.compactMap { host in
      host == group.rank
        ? UnsafeRawPointer(sum)
        : incoming.baseAddress.map { UnsafeRawPointer($0 + host * own.count * wideBytes) }
    }
    partial.incomplete.apply(sources, from: 0, into: [sum], at: 0, count: own.count)
    partial.store(
      sum, count: own.count, rankCount: work.rankCount,
      into: target + own.lowerBound * elementBytes)
  }

  /// This host's share as all other hosts have sent it, in the type of incomplete results.
  private func decodedIncoming(_ count: Int) throws -> UnsafeMutableRawBufferPointer {
    let incoming = try memories[1].take(group.rankCount * incomingBytes(count))
    if wire == .exact { return incoming }
    let decoded = try memories[4].take(group.rankCount * count * wideBytes)
    for host in group.others {
      wire.decode(
        UnsafeRawBufferPointer(
          incoming.part(host * incomingBytes(count), incomingBytes(count))),
        into: decoded.part(host * count * wideBytes, count * wideBytes))
    }
    return decoded
  }

  /// The result as it travels; this host keeps what the others get, so that all have the same bits.
  private func outgoingResult(
    _ target: UnsafeMutableRawBufferPointer, _ own: Range<Int>
  ) throws -> UnsafeRawBufferPointer {
    if wire == .exact { return UnsafeRawBufferPointer(target) }
    let outgoing = try memories[2].take(wire.byteCount(own.count))
    wire.encode(target, into: outgoing, residual: residual(own))
    wire.decode(UnsafeRawBufferPointer(outgoing), into: target)
    return UnsafeRawBufferPointer(outgoing)
  }

  /// Waits for the other hosts' results.
  func finish() throws {
    try group.wait(for: requests)
    requests = []
    guard wire != .exact else { return }
    let widest = resultBytes(share(0).count)
    let incoming = try memories[3].take(group.rankCount * widest)
    for host in group.others {
      let share = share(host)
      wire.decode(
        UnsafeRawBufferPointer(incoming.part(host * widest, resultBytes(share.count))),
        into: result.part(share.lowerBound * elementBytes, share.count * elementBytes))
    }
  }
}
