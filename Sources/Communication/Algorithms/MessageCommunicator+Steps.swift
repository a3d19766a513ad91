import DeepEPElements

/// What the operations are made of.
extension MessageCommunicator {
  /// Gives each other rank bytes and takes some from it, all at once.
  func exchange(
    _ tag: MessageTag, giving: (Int) -> UnsafeRawBufferPointer,
    taking: (Int) -> UnsafeMutableRawBufferPointer, isMeeting: Bool = false
  ) throws {
    var requests: [MessageRequest] = []
    for peer in others {
      requests.append(channel.receive(into: taking(peer), from: peer, tag: tag))
      requests.append(channel.send(giving(peer), to: peer, tag: tag))
    }
    try wait(for: requests, isMeeting: isMeeting)
  }

  /// Returns when all ranks have come: in step `k` each hears of 2^k more.
  ///
  /// After D. Hensgen, R. Finkel and U. Manber, "Two algorithms for barrier synchronization", 1988.
  func meet(_ tag: MessageTag) throws {
    let nothing = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    var (distance, step) = (1, 0)
    while distance < rankCount {
      let (next, last) = ((rank + distance) % rankCount, (rank + rankCount - distance) % rankCount)
      let requests = [
        channel.receive(into: nothing, from: last, tag: tag.step(step)),
        channel.send(UnsafeRawBufferPointer(nothing), to: next, tag: tag.step(step)),
      ]
      try wait(for: requests, isMeeting: true)
      (distance, step) = (2 * distance, step + 1)
    }
  }

  /// Gives bytes of one rank to all by a binomial tree.
  func spread(_ tag: MessageTag, _ buffer: UnsafeMutableRawBufferPointer, root: Int) throws {
    let place = (rank - root + rankCount) % rankCount
    // The root gives to those at all powers of two, others to those below their own lowest one.
    var distance = place == 0 ? Self.powerOfTwo(atLeast: rankCount) : place & -place
    if place != 0 {
      let parent = (place - distance + root) % rankCount
      try wait(for: [channel.receive(into: buffer, from: parent, tag: tag)], isMeeting: true)
    }
    var requests: [MessageRequest] = []
    while distance > 1 {
      distance /= 2
      guard place + distance < rankCount else { continue }
      requests.append(
        channel.send(
          UnsafeRawBufferPointer(buffer), to: (place + distance + root) % rankCount, tag: tag))
    }
    try wait(for: requests)
  }

  static func powerOfTwo(atLeast count: Int) -> Int {
    var power = 1
    while power < count { power *= 2 }
    return power
  }

  /// A rank's part of `count` elements.
  func share(of count: Int, _ rank: Int) -> Range<Int> {
    let (whole, rest) = count.quotientAndRemainder(dividingBy: rankCount)
    let start = rank * whole + min(rank, rest)
    return start..<start + whole + (rank < rest ? 1 : 0)
  }

  /// Combines bytes of all ranks in the order of the ranks.
  func reduce(
    _ order: RankOrderReduction, _ sources: [UnsafeRawPointer], _ byteCount: Int,
    into destination: UnsafeMutableRawBufferPointer
  ) {
    guard byteCount > 0, let target = destination.baseAddress else { return }
    order.apply(
      sources, from: 0, into: [target], at: 0, count: byteCount / order.element.byteCount)
  }

  /// Makes [rank count, outer, inner] of [outer, rank count, inner].
  func pack(
    _ source: UnsafeRawBufferPointer, _ outerCount: Int
  ) throws -> UnsafeRawBufferPointer {
    let target = try packed.take(source.count)
    let inner = source.count / outerCount / rankCount
    for outer in 0..<outerCount {
      for peer in 0..<rankCount {
        target.part((peer * outerCount + outer) * inner, inner)
          .copyMemory(from: source.part((outer * rankCount + peer) * inner, inner))
      }
    }
    return UnsafeRawBufferPointer(target)
  }

  /// Makes [outer, rank count, inner] of [rank count, outer, inner].
  func unpack(
    _ source: UnsafeRawBufferPointer, _ outerCount: Int,
    into destination: UnsafeMutableRawBufferPointer
  ) {
    let inner = source.count / outerCount / rankCount
    for outer in 0..<outerCount {
      for peer in 0..<rankCount {
        destination.part((outer * rankCount + peer) * inner, inner)
          .copyMemory(from: source.part((peer * outerCount + outer) * inner, inner))
      }
    }
  }
}
