import DeepEPElements

/// The algorithms of ``AllReduceAlgorithm``.
extension MessageCommunicator {
  func directAllReduce(
    _ tag: MessageTag, _ order: RankOrderReduction, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer
  ) throws {
    let width = order.element.byteCount
    let bytes = { [self] (peer: Int) in
      let range = self.share(of: source.count / width, peer)
      return (start: range.lowerBound * width, count: range.count * width)
    }
    let own = bytes(rank)
    let incoming = received.take(own.count * rankCount)
    try exchange(
      tag, giving: { source.part(bytes($0).start, bytes($0).count) },
      taking: { incoming.part($0 * own.count, own.count) }, isMeeting: true)
    let sources = (0..<rankCount).compactMap { peer in
      peer == rank
        ? source.baseAddress.map { $0 + own.start }
        : incoming.baseAddress.map { UnsafeRawPointer($0 + peer * own.count) }
    }
    let result = destination.part(own.start, own.count)
    reduce(order, sources, own.count, into: result)
    try exchange(
      tag.step(1), giving: { _ in UnsafeRawBufferPointer(result) },
      taking: { destination.part(bytes($0).start, bytes($0).count) })
  }

  func ringAllReduce(
    _ tag: MessageTag, _ partial: PartialReduction, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer
  ) throws {
    let width = partial.element.byteCount
    let share = { [self] (place: Int) in
      let range = self.share(of: source.count / width, (place + 2 * rankCount) % rankCount)
      return (start: range.lowerBound * width, elements: range.count)
    }
    let complete = try passAround(tag, partial, source, share)
    let own = share(rank)
    if own.elements > 0, let from = complete.baseAddress, let to = destination.baseAddress {
      partial.store(from, count: own.elements, rankCount: rankCount, into: to + own.start)
    }
    for step in 0..<rankCount - 1 {
      let (giving, taking) = (share(rank - step), share(rank - 1 - step))
      try passOn(
        tag.step(rankCount + step),
        UnsafeRawBufferPointer(destination).part(giving.start, giving.elements * width),
        into: destination.part(taking.start, taking.elements * width))
    }
  }

  /// Shares go around and are combined on the way; returns this rank's, complete but not rounded.
  private func passAround(
    _ tag: MessageTag, _ partial: PartialReduction, _ source: UnsafeRawBufferPointer,
    _ share: (Int) -> (start: Int, elements: Int)
  ) throws -> UnsafeMutableRawBufferPointer {
    let wide = partial.wide.byteCount
    let slotBytes = share(0).elements * wide
    let memory = received.take(3 * slotBytes)
    let slots = (0..<3).map { memory.part($0 * slotBytes, slotBytes) }
    load(partial, source, share(rank - 1), into: slots[0])
    for step in 0..<rankCount - 1 {
      let (giving, taking) = (share(rank - 1 - step), share(rank - 2 - step))
      let incoming = slots[(step + 1) % 2].part(0, taking.elements * wide)
      try passOn(
        tag.step(step),
        UnsafeRawBufferPointer(slots[step % 2].part(0, giving.elements * wide)), into: incoming,
        isMeeting: step == 0)
      load(partial, source, taking, into: slots[2])
      if taking.elements > 0, let sum = incoming.baseAddress, let own = slots[2].baseAddress {
        partial.combine(sum, own, count: taking.elements, into: sum)
      }
    }
    return slots[(rankCount - 1) % 2]
  }

  private func load(
    _ partial: PartialReduction, _ source: UnsafeRawBufferPointer,
    _ share: (start: Int, elements: Int), into slot: UnsafeMutableRawBufferPointer
  ) {
    guard share.elements > 0, let from = source.baseAddress, let to = slot.baseAddress else {
      return
    }
    partial.load(from + share.start, count: share.elements, into: to)
  }

  /// Gives bytes to the next rank of the ring, and takes some from the last.
  private func passOn(
    _ tag: MessageTag, _ bytes: UnsafeRawBufferPointer,
    into target: UnsafeMutableRawBufferPointer, isMeeting: Bool = false
  ) throws {
    let requests = [
      channel.receive(into: target, from: (rank + rankCount - 1) % rankCount, tag: tag),
      channel.send(bytes, to: (rank + 1) % rankCount, tag: tag),
    ]
    try wait(for: requests, isMeeting: isMeeting)
  }

  func doublingAllReduce(
    _ tag: MessageTag, _ partial: PartialReduction, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer
  ) throws {
    let count = source.count / partial.element.byteCount
    let byteCount = count * partial.wide.byteCount
    let memory = received.take(2 * byteCount)
    let (own, other) = (memory.part(0, byteCount), memory.part(byteCount, byteCount))
    load(partial, source, (0, count), into: own)
    let power = Self.powerOfTwo(atLeast: rankCount + 1) / 2
    let last = tag.step(64)
    if rank >= power {
      let requests = [
        channel.send(UnsafeRawBufferPointer(own), to: rank - power, tag: tag),
        channel.receive(into: destination, from: rank - power, tag: last),
      ]
      return try wait(for: requests, isMeeting: true)
    }
    let hasExtra = rank + power < rankCount
    if hasExtra {
      try wait(for: [channel.receive(into: other, from: rank + power, tag: tag)], isMeeting: true)
      combine(partial, own, other, count, into: own)
    }
    try double(tag, partial, own, other, count, among: power)
    if count > 0, let from = own.baseAddress, let to = destination.baseAddress {
      partial.store(from, count: count, rankCount: rankCount, into: to)
    }
    if hasExtra {
      let result = UnsafeRawBufferPointer(destination)
      try wait(for: [channel.send(result, to: rank + power, tag: last)])
    }
  }

  private func double(
    _ tag: MessageTag, _ partial: PartialReduction, _ own: UnsafeMutableRawBufferPointer,
    _ other: UnsafeMutableRawBufferPointer, _ count: Int, among power: Int
  ) throws {
    var (distance, step) = (1, 1)
    while distance < power {
      let partner = rank ^ distance
      let requests = [
        channel.receive(into: other, from: partner, tag: tag.step(step)),
        channel.send(UnsafeRawBufferPointer(own), to: partner, tag: tag.step(step)),
      ]
      try wait(for: requests, isMeeting: step == 1)
      let (left, right) = partner > rank ? (own, other) : (other, own)
      combine(partial, left, right, count, into: own)
      (distance, step) = (2 * distance, step + 1)
    }
  }

  private func combine(
    _ partial: PartialReduction, _ left: UnsafeMutableRawBufferPointer,
    _ right: UnsafeMutableRawBufferPointer, _ count: Int,
    into target: UnsafeMutableRawBufferPointer
  ) {
    guard count > 0, let x = left.baseAddress, let y = right.baseAddress,
      let result = target.baseAddress
    else { return }
    partial.combine(x, y, count: count, into: result)
  }
}
