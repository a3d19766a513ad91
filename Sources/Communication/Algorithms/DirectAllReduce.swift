import DeepEPElements

/// An all-reduce in which each rank combines its share of all ranks: see ``CollectiveAlgorithm/direct``.
///
/// Shares travel by segments: what is combined of a share is on its way back while the rest still comes in, so
/// that no link idles between the two steps.
struct DirectAllReduce {
  private let ranks: MessageCommunicator
  private let order: RankOrderReduction
  private let tag: MessageTag
  private let source: UnsafeRawBufferPointer
  private let destination: UnsafeMutableRawBufferPointer
  /// Where this rank's share of the other ranks arrives: as many bytes for each of them.
  private let inbox: UnsafeMutableRawBufferPointer
  private let segmentCount: Int
  /// Elements of a segment.
  private let segmentSize: Int

  init(
    _ ranks: MessageCommunicator, _ order: RankOrderReduction, _ tag: MessageTag,
    _ source: UnsafeRawBufferPointer, _ destination: UnsafeMutableRawBufferPointer
  ) throws {
    (self.ranks, self.order, self.tag) = (ranks, order, tag)
    (self.source, self.destination) = (source, destination)
    let (count, width) = (source.count / order.element.byteCount, order.element.byteCount)
    segmentSize = max(1, ranks.options.segmentBytes / width)
    let largest = ranks.share(of: count, 0).count
    segmentCount = max(1, (largest + segmentSize - 1) / segmentSize)
    let own = ranks.share(of: count, ranks.rank).count
    inbox = try ranks.received.take(own * width * ranks.rankCount)
  }

  func run() throws {
    let arrivals = (0..<segmentCount).map { segment in ranks.others.map { expect(segment, $0) } }
    var requests = (0..<segmentCount).flatMap { segment in ranks.others.map { give(segment, $0) } }
    requests += (0..<segmentCount).flatMap { segment in
      ranks.others.map { expectResult(segment, $0) }
    }
    for (segment, arrival) in arrivals.enumerated() {
      try ranks.wait(for: arrival, isMeeting: segment == 0)
      let result = combined(segment)
      requests += ranks.others.map {
        ranks.channel.send(UnsafeRawBufferPointer(result), to: $0, tag: tag.step(1))
      }
    }
    try ranks.wait(for: requests)
  }

  /// The bytes of a segment of a rank's share.
  private func bytes(_ segment: Int, ofShare rank: Int) -> (start: Int, count: Int) {
    let width = order.element.byteCount
    let share = ranks.share(of: source.count / width, rank)
    let start = min(share.lowerBound + segment * segmentSize, share.upperBound)
    return (start * width, (min(start + segmentSize, share.upperBound) - start) * width)
  }

  // MARK: To the rank that combines

  private func give(_ segment: Int, _ peer: Int) -> MessageRequest {
    let (start, count) = bytes(segment, ofShare: peer)
    return ranks.channel.send(source.part(start, count), to: peer, tag: tag)
  }

  private func expect(_ segment: Int, _ peer: Int) -> MessageRequest {
    ranks.channel.receive(into: slot(segment, peer), from: peer, tag: tag)
  }

  private func slot(_ segment: Int, _ peer: Int) -> UnsafeMutableRawBufferPointer {
    let (start, count) = bytes(segment, ofShare: ranks.rank)
    let first = bytes(0, ofShare: ranks.rank).start
    return inbox.part(peer * (inbox.count / ranks.rankCount) + start - first, count)
  }

  // MARK: From it

  /// This rank's result of a segment.
  private func combined(_ segment: Int) -> UnsafeMutableRawBufferPointer {
    let (start, count) = bytes(segment, ofShare: ranks.rank)
    let sources = (0..<ranks.rankCount).compactMap { peer in
      peer == ranks.rank
        ? source.baseAddress.map { $0 + start }
        : slot(segment, peer).baseAddress.map { UnsafeRawPointer($0) }
    }
    let result = destination.part(start, count)
    ranks.reduce(order, sources, count, into: result)
    return result
  }

  private func expectResult(_ segment: Int, _ peer: Int) -> MessageRequest {
    let (start, count) = bytes(segment, ofShare: peer)
    return ranks.channel.receive(
      into: destination.part(start, count), from: peer, tag: tag.step(1))
  }
}
