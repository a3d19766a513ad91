import DeepEPElements

/// What a rank asks of its group: the ranks compare their calls before any byte moves.
struct CollectiveCall: Hashable, Sendable {
  /// The operations of a ``Communicator``, by their names in messages.
  enum Kind: String, Sendable, CaseIterable {
    case group
    case allReduce = "all-reduce"
    case allGather = "all-gather"
    case reduceScatter = "reduce-scatter"
    case allToAll = "all-to-all"
    /// All-to-all of blocks whose sizes differ, which each rank knows for itself.
    case unevenAllToAll = "all-to-all-v"
    case broadcast, barrier
    case send
  }

  var kind: Kind
  /// Counts the operations of the group, from zero.
  var sequenceNumber: Int
  /// The bytes of the source.
  var byteCount = 0
  var element: ElementType?
  var reduction: CollectiveReduction?
  var outerCount: Int?
  var root: Int?
  /// How numbers travel between hosts, if not as they are.
  var wire: WireFormat?

  /// For people: "all-reduce 3 (24 bytes, float32, sum)".
  var text: String {
    let attributes = [
      hasSize ? "\(byteCount) bytes" : nil, element?.rawValue,
      reduction?.rawValue, outerCount.map { "outer \($0)" }, root.map { "root \($0)" },
      wire.map { "\($0.rawValue) between hosts" },
    ].compactMap { $0 }
    let list = attributes.isEmpty ? "" : " (\(attributes.joined(separator: ", ")))"
    return "\(kind.rawValue) \(sequenceNumber)\(list)"
  }

  /// The bytes that a rank sends by a ring of so many.
  func sentBytes(rankCount: Int) -> Int {
    let travelling = wire.map { $0.byteCount(byteCount / MemoryLayout<Float>.size) } ?? byteCount
    return switch kind {
    case .allReduce: 2 * (travelling - travelling / rankCount)
    case .reduceScatter, .allToAll: travelling - travelling / rankCount
    case .allGather: travelling * (rankCount - 1)
    case .broadcast, .send: travelling
    case .unevenAllToAll, .barrier, .group: 0
    }
  }

  private var hasSize: Bool { kind != .barrier && kind != .group && kind != .unevenAllToAll }
}

// MARK: Checks

extension CollectiveCall {
  /// Throws unless the sizes, the place of the buffers and the attributes make sense.
  ///
  /// - Parameter place: the rank and its group.
  func check(
    _ source: UnsafeRawBufferPointer, _ destination: UnsafeMutableRawBufferPointer, rankCount: Int,
    place: @autoclosure () -> String
  ) throws {
    guard let mistake = mistake(source, destination, rankCount) else { return }
    throw CommunicationError(
      "\(text): \(mistake.what)", at: place(), fix: mistake.fix)
  }

  /// Whether the sizes of source and destination are checked elsewhere.
  private var hasOwnSizes: Bool { kind == .unevenAllToAll || kind == .send }

  private typealias Mistake = (what: String, fix: String)

  private func mistake(
    _ source: UnsafeRawBufferPointer, _ destination: UnsafeMutableRawBufferPointer, _ rankCount: Int
  ) -> Mistake? {
    attributeMistake(rankCount)
      ?? (hasOwnSizes ? nil : sizeMistake(destination.count, rankCount))
      ?? overlapMistake(source, UnsafeRawBufferPointer(destination))
  }

  private func attributeMistake(_ rankCount: Int) -> Mistake? {
    if let outerCount, outerCount < 0 {
      return ("the outer count is negative", "pass the product of the outer sizes")
    }
    if let root, !(0..<rankCount).contains(root) {
      return ("there is no rank \(root)", "name a rank from 0 to \(rankCount - 1)")
    }
    if let element, reduction == .mean, !element.isFloatingPoint {
      return ("\(element.rawValue) has no mean", "sum, and divide where fractions are wanted")
    }
    return nil
  }

  /// What is wrong with the sizes: they follow from the source's.
  private func sizeMistake(_ destinationCount: Int, _ rankCount: Int) -> Mistake? {
    let (blocks, isWhole) = blockCount(rankCount)
    let width = element?.byteCount ?? 1
    guard isWhole, blocks == 0 ? byteCount == 0 : byteCount % (blocks * width) == 0 else {
      return (
        "\(byteCount) bytes are not \(blocks) equal blocks of whole elements",
        "pass a source of another size"
      )
    }
    let expected =
      switch kind {
      case .allGather: byteCount.multipliedReportingOverflow(by: rankCount)
      case .reduceScatter: (byteCount / rankCount, false)
      default: (byteCount, false)
      }
    guard !expected.1, expected.0 == destinationCount else {
      return (
        "the destination has \(destinationCount) bytes", "pass one of \(expected.0) bytes"
      )
    }
    return nil
  }

  /// Into how many blocks the source is cut, and whether that is a number.
  private func blockCount(_ rankCount: Int) -> (Int, Bool) {
    let perOuter = kind == .reduceScatter || kind == .allToAll ? rankCount : 1
    let (count, overflow) = perOuter.multipliedReportingOverflow(by: outerCount ?? 1)
    return (count, !overflow && count <= Int.max / 8)
  }

  private func overlapMistake(
    _ source: UnsafeRawBufferPointer, _ destination: UnsafeRawBufferPointer
  ) -> Mistake? {
    guard let from = source.baseAddress, let to = destination.baseAddress else { return nil }
    let overlap = from < to + destination.count && to < from + source.count
    let mayBeSame = kind == .allReduce || kind == .broadcast || kind == .send
    guard overlap, !(mayBeSame && from == to) else { return nil }
    return ("source and destination overlap", "pass separate memory")
  }
}
