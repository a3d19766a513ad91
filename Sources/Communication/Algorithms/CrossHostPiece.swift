import DeepEPElements

/// A shard of one piece of an all-reduce, on its way between the hosts.
///
/// Three pieces are under way at a time: what a rank sends of one goes out while another comes in. All
/// hosts take the steps of all pieces in the same order.
final class CrossHostPiece {
  private let group: MessageCommunicator
  private let partial: PartialReduction
  private let wire: WireFormat
  private let rankCount: Int
  private let memories = (0..<6).map { _ in StagingMemory() }
  private var requests: [MessageRequest] = []
  private var tag = MessageTag(bits: 0)
  private var count = 0
  private var residual: UnsafeMutableBufferPointer<Float>?
  /// What the ranks of this host make of their elements, not yet rounded.
  private(set) var shard = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  /// What all ranks make of them.
  private(set) var result = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  /// Makes one for many pieces.
  ///
  /// - Parameters:
  ///   - group: the ranks of all hosts that have the same shard.
  ///   - rankCount: how many ranks there are in all.
  init(
    _ group: MessageCommunicator, _ partial: PartialReduction, _ wire: WireFormat, rankCount: Int
  ) {
    (self.group, self.partial, self.wire) = (group, partial, wire)
    self.rankCount = rankCount
  }

  private var wideBytes: Int { partial.wide.byteCount }
  private var elementBytes: Int { partial.element.byteCount }

  private func share(_ host: Int) -> Range<Int> { group.share(of: count, host) }

  /// Begins with another piece.
  ///
  /// - Parameters:
  ///   - residual: what earlier rounding has lost of the first elements of the shard.
  func begin(_ count: Int, _ tag: MessageTag, _ residual: UnsafeMutableBufferPointer<Float>?) {
    (self.count, self.tag, self.residual) = (count, tag, residual)
    shard = memories[0].take(count * wideBytes)
    result = memories[1].take(count * elementBytes)
  }

  // MARK: To the hosts that combine

  /// Posts each other host's share of the shard.
  func post() {
    let own = share(group.rank).count
    let incoming = memories[2].take(group.rankCount * incomingBytes(own))
    let outgoing = memories[3].take(group.rankCount * incomingBytes(share(0).count))
    for host in group.others {
      let target = incoming.part(host * incomingBytes(own), incomingBytes(own))
      let bytes = encoded(share(host), outgoing, host * incomingBytes(share(0).count))
      requests.append(group.channel.receive(into: target, from: host, tag: tag))
      requests.append(group.channel.send(bytes, to: host, tag: tag))
    }
  }

  private func incomingBytes(_ count: Int) -> Int {
    wire == .exact ? count * wideBytes : wire.byteCount(count)
  }

  private func encoded(
    _ share: Range<Int>, _ outgoing: UnsafeMutableRawBufferPointer, _ offset: Int
  ) -> UnsafeRawBufferPointer {
    let bytes = shard.part(share.lowerBound * wideBytes, share.count * wideBytes)
    if wire == .exact { return UnsafeRawBufferPointer(bytes) }
    let target = outgoing.part(offset, wire.byteCount(share.count))
    encode(bytes, share, into: target)
    return UnsafeRawBufferPointer(target)
  }

  /// Encodes float32 numbers with what was lost of them before, and keeps what is lost now.
  private func encode(
    _ bytes: UnsafeMutableRawBufferPointer, _ share: Range<Int>,
    into target: UnsafeMutableRawBufferPointer
  ) {
    guard let start = bytes.baseAddress, let to = target.baseAddress, !share.isEmpty else { return }
    let numbers = start.assumingMemoryBound(to: Float.self)
    guard let residual else { return wire.encode(numbers, count: share.count, into: to) }
    // Elements that only fill up a shard have no residual.
    let known = max(0, min(share.count, residual.count - share.lowerBound))
    for index in 0..<known { numbers[index] += residual[share.lowerBound + index] }
    wire.encode(numbers, count: share.count, into: to)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: share.count) { decoded in
      guard let base = decoded.baseAddress else { return }
      wire.decode(to, count: share.count, into: base)
      for index in 0..<known {
        residual[share.lowerBound + index] = numbers[index] - base[index]
      }
    }
  }

  // MARK: From the hosts that combined

  /// Waits for this host's share of all hosts, combines them in the order of the hosts, and posts the result.
  func combine() throws {
    try group.wait(for: requests)
    requests = []
    let own = share(group.rank)
    combineOwn(own)
    let target = result.part(own.lowerBound * elementBytes, own.count * elementBytes)
    let outgoing = outgoingResult(target, own)
    let widest = resultBytes(share(0).count)
    let incoming = memories[4].take(group.rankCount * widest)
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

  private func combineOwn(_ own: Range<Int>) {
    guard !own.isEmpty, let shard = shard.baseAddress, let target = result.baseAddress else {
      return
    }
    let sum = shard + own.lowerBound * wideBytes
    let reduction = partial.reduction == .mean ? .sum : partial.reduction
    let incoming = decodedIncoming(own.count)
    let sources = (0..<group.rankCount).compactMap { host in
      host == group.rank
        ? UnsafeRawPointer(sum)
        : incoming.baseAddress.map { UnsafeRawPointer($0 + host * own.count * wideBytes) }
    }
    RankOrderReduction(element: partial.wide, reduction: reduction)
      .apply(sources, from: 0, into: [sum], at: 0, count: own.count)
    partial.store(
      sum, count: own.count, rankCount: rankCount,
      into: target + own.lowerBound * elementBytes)
  }

  /// This host's share as all other hosts have sent it, in the type of incomplete results.
  private func decodedIncoming(_ count: Int) -> UnsafeMutableRawBufferPointer {
    let incoming = memories[2].take(group.rankCount * incomingBytes(count))
    if wire == .exact { return incoming }
    let decoded = memories[5].take(group.rankCount * count * wideBytes)
    for host in group.others {
      decode(
        incoming.part(host * incomingBytes(count), incomingBytes(count)), count,
        into: decoded.part(host * count * wideBytes, count * wideBytes))
    }
    return decoded
  }

  private func decode(
    _ bytes: UnsafeMutableRawBufferPointer, _ count: Int,
    into target: UnsafeMutableRawBufferPointer
  ) {
    guard count > 0, let from = bytes.baseAddress, let to = target.baseAddress else { return }
    wire.decode(from, count: count, into: to.assumingMemoryBound(to: Float.self))
  }

  /// The result as it travels; this host keeps what the others get, so that all have the same bits.
  private func outgoingResult(
    _ target: UnsafeMutableRawBufferPointer, _ own: Range<Int>
  ) -> UnsafeRawBufferPointer {
    if wire == .exact { return UnsafeRawBufferPointer(target) }
    let outgoing = memories[3].take(wire.byteCount(own.count))
    encode(target, own, into: outgoing)
    decode(outgoing, own.count, into: target)
    return UnsafeRawBufferPointer(outgoing)
  }

  /// Waits until what was posted has left.
  ///
  /// Who waits for its host without that would hold up ranks of other hosts, for which its host may be waiting.
  func flush() throws { try group.wait(for: requests.filter { $0.direction == .send }) }

  /// Waits for the other hosts' results.
  func finish() throws {
    try group.wait(for: requests)
    requests = []
    guard wire != .exact else { return }
    let widest = resultBytes(share(0).count)
    let incoming = memories[4].take(group.rankCount * widest)
    for host in group.others {
      let share = share(host)
      decode(
        incoming.part(host * widest, resultBytes(share.count)), share.count,
        into: result.part(share.lowerBound * elementBytes, share.count * elementBytes))
    }
  }
}
