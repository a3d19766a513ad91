import DeepEPElements

/// The algorithms of ``CollectiveAlgorithm`` that need few steps.
extension MessageCommunicator {
  func doublingAllReduce(
    _ tag: MessageTag, _ partial: PartialReduction, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer
  ) throws {
    let count = source.count / partial.element.byteCount
    let byteCount = count * partial.wide.byteCount
    let memory = try received.take(2 * byteCount)
    let (own, other) = (memory.part(0, byteCount), memory.part(byteCount, byteCount))
    partial.load(source, into: own)
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

  /// Pairs of ranks exchange all they have, at distances 1, 2, 4 … below `power`.
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
