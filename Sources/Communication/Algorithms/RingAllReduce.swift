import DeepEPElements

/// An all-reduce whose shares go around a ring: see ``CollectiveAlgorithm/ring``.
///
/// Shares travel by segments, so that a rank passes on the first part of one while the rest comes in. The
/// segments of all steps are numbered through; what arrives as number `i` is passed on one step later.
final class RingAllReduce {
  private let ranks: MessageCommunicator
  private let partial: PartialReduction
  private let tag: MessageTag
  private let source: UnsafeRawBufferPointer
  private let destination: UnsafeMutableRawBufferPointer
  /// Where shares are combined: the destination, or memory for wider elements.
  private let sums: UnsafeMutableRawBufferPointer
  /// Where the segments arrive that are still to be combined.
  private let inbox: UnsafeMutableRawBufferPointer
  private let segmentCount: Int
  /// Elements of a segment.
  private let segmentSize: Int
  private var receives: [MessageRequest] = []
  private var lastSend: MessageRequest?

  /// How many segments are expected at a time.
  private static var window: Int { 4 }

  init(
    _ ranks: MessageCommunicator, _ partial: PartialReduction, _ tag: MessageTag,
    _ source: UnsafeRawBufferPointer, _ destination: UnsafeMutableRawBufferPointer
  ) throws {
    (self.ranks, self.partial, self.tag) = (ranks, partial, tag)
    (self.source, self.destination) = (source, destination)
    let count = source.count / partial.element.byteCount
    let wide = partial.wide.byteCount
    segmentSize = max(1, ranks.options.segmentBytes / wide)
    let largest = ranks.share(of: count, 0).count
    segmentCount = max(1, (largest + segmentSize - 1) / segmentSize)
    let inboxBytes = Self.window * min(segmentSize, largest) * wide
    let isInPlace = partial.wide == partial.element
    let memory = try ranks.received.take(inboxBytes + (isInPlace ? 0 : count * wide))
    inbox = memory.part(0, inboxBytes)
    sums = isInPlace ? destination : memory.part(inboxBytes, count * wide)
  }

  private var rankCount: Int { ranks.rankCount }
  private var width: Int { partial.element.byteCount }
  /// Steps in which something arrives: shares are combined in the first half, and spread in the second.
  private var stepCount: Int { 2 * (rankCount - 1) }

  private func isCombined(_ step: Int) -> Bool { step < rankCount - 1 }

  /// The elements that arrive as segment `index`.
  private func elements(_ index: Int) -> Range<Int> {
    let (step, segment) = index.quotientAndRemainder(dividingBy: segmentCount)
    let share = isCombined(step) ? ranks.rank - 2 - step : ranks.rank - 1 - (step - (rankCount - 1))
    return elements(ofShare: share, segment)
  }

  private func elements(ofShare share: Int, _ segment: Int) -> Range<Int> {
    let count = source.count / width
    let range = ranks.share(of: count, (share + 2 * rankCount) % rankCount)
    let start = min(range.lowerBound + segment * segmentSize, range.upperBound)
    return start..<min(start + segmentSize, range.upperBound)
  }

  func run() throws {
    let total = stepCount * segmentCount
    for index in 0..<min(Self.window, total) { expect(index) }
    for segment in 0..<segmentCount { start(segment) }
    for index in 0..<total {
      try ranks.wait(for: [receives[index]], isMeeting: index == 0)
      take(index)
      if index + Self.window < total { expect(index + Self.window) }
    }
    try ranks.wait(for: [lastSend].compactMap { $0 })
  }

  // MARK: Segments

  private func expect(_ index: Int) {
    let range = elements(index)
    let last = (ranks.rank + rankCount - 1) % rankCount
    let target =
      isCombined(index / segmentCount)
      ? slot(index, range.count)
      : destination.part(range.lowerBound * width, range.count * width)
    receives.append(
      ranks.channel.receive(into: target, from: last, tag: tag.step(index / segmentCount)))
  }

  private func slot(_ index: Int, _ count: Int) -> UnsafeMutableRawBufferPointer {
    let bytes = inbox.count / Self.window
    return inbox.part(index % Self.window * bytes, count * partial.wide.byteCount)
  }

  private func give(_ bytes: UnsafeRawBufferPointer, step: Int) {
    lastSend = ranks.channel.send(
      bytes, to: (ranks.rank + 1) % rankCount, tag: tag.step(step))
  }

  private func sum(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
    let wide = partial.wide.byteCount
    return sums.part(range.lowerBound * wide, range.count * wide)
  }

  private func input(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    source.part(range.lowerBound * width, range.count * width)
  }

  /// This rank's own elements begin a share.
  private func start(_ segment: Int) {
    let range = elements(ofShare: ranks.rank - 1, segment)
    if partial.wide == partial.element { return give(input(range), step: 0) }
    partial.load(input(range), into: sum(range))
    give(UnsafeRawBufferPointer(sum(range)), step: 0)
  }

  /// Takes a segment that has arrived, and passes it on.
  private func take(_ index: Int) {
    let (step, range) = (index / segmentCount, elements(index))
    guard isCombined(step) else {
      if step + 1 < stepCount {
        give(
          UnsafeRawBufferPointer(destination)
            .part(range.lowerBound * width, range.count * width), step: step + 1)
      }
      return
    }
    combine(slot(index, range.count), range)
    let isComplete = step == rankCount - 2
    if isComplete { store(range) }
    let bytes =
      isComplete
      ? UnsafeRawBufferPointer(destination).part(range.lowerBound * width, range.count * width)
      : UnsafeRawBufferPointer(sum(range))
    give(bytes, step: step + 1)
  }

  /// What the ranks before this one have combined is to the left of its own elements.
  private func combine(_ arrived: UnsafeMutableRawBufferPointer, _ range: Range<Int>) {
    let target = sum(range)
    guard !range.isEmpty, let left = arrived.baseAddress, let to = target.baseAddress else {
      return
    }
    if partial.wide == partial.element, let own = input(range).baseAddress {
      return partial.combine(left, own, count: range.count, into: to)
    }
    partial.load(input(range), into: target)
    partial.combine(left, to, count: range.count, into: to)
  }

  private func store(_ range: Range<Int>) {
    guard !range.isEmpty, let from = sum(range).baseAddress, let to = destination.baseAddress
    else { return }
    partial.store(
      from, count: range.count, rankCount: rankCount, into: to + range.lowerBound * width)
  }
}
