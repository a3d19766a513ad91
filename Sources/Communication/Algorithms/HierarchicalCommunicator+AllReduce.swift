import DeepEPElements

/// Sums of the ranks of several hosts, in three phases, each of which is at another piece.
extension HierarchicalCommunicator: CompressingCommunicator {
  private struct Work {
    var source: UnsafeRawBufferPointer
    var destination: UnsafeMutableRawBufferPointer
    var piece: CrossHostPiece.Work
    var residual: UnsafeMutableBufferPointer<Float>?
    /// How many elements a piece has.
    var pieceSize: Int

    var partial: PartialReduction { piece.partial }
    var elementBytes: Int { partial.element.byteCount }
    var count: Int { source.count / elementBytes }

    func range(_ index: Int) -> Range<Int> {
      index * pieceSize..<min(count, (index + 1) * pieceSize)
    }

    func input(_ range: Range<Int>) -> UnsafeRawBufferPointer {
      source.part(range.lowerBound * elementBytes, range.count * elementBytes)
    }

    func output(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
      destination.part(range.lowerBound * elementBytes, range.count * elementBytes)
    }
  }

  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction
  ) throws {
    let algorithm = world.options.algorithms.algorithm(
      for: .allReduce, byteCount: source.count, hostCount: layout.hosts.count,
      rankCount: rankCount)
    let work = work(source, destination, element, reduction, .exact, nil)
    switch algorithm {
    // What one rank of a host gives needs no wider elements, and would travel in them.
    case .hierarchical where host.rankCount == 1 && work.partial.wide != element:
      try world.allReduce(source, into: destination, element: element, reduction: reduction)
    case .hierarchical: try perform(work) { try sum(work, $0) }
    case .hierarchicalDoubling: try perform(work) { try double(work, $0) }
    case .direct, .ring, .recursiveDoubling:
      try world.allReduce(source, into: destination, element: element, reduction: reduction)
    }
  }

  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    reduction: CollectiveReduction, wire: WireFormat, residual: UnsafeMutableRawBufferPointer?
  ) throws {
    try residual.map { try check($0, for: source, reduction) }
    let numbers = residual.map { $0.assumingMemoryBound(to: Float.self) }
    let work = work(source, destination, .float32, reduction, wire, numbers)
    try perform(work) { try sum(work, $0) }
  }

  /// Throws unless what was lost of some numbers can be kept somewhere.
  func check(
    _ residual: UnsafeMutableRawBufferPointer, for source: UnsafeRawBufferPointer,
    _ reduction: CollectiveReduction
  ) throws {
    guard residual.count == source.count else {
      throw CommunicationError(
        "compressed sum: the residual has \(residual.count) bytes", at: world.place,
        fix: "pass one of \(source.count) bytes")
    }
    let address = residual.baseAddress.map { Int(bitPattern: $0) } ?? 0
    guard address % MemoryLayout<Float>.alignment == 0 else {
      throw CommunicationError(
        "compressed sum: the residual is not aligned", at: world.place,
        fix: "pass memory that is aligned for float32")
    }
    guard reduction == .sum || reduction == .mean else {
      throw CommunicationError(
        "compressed sum: nothing is left over of a \(reduction.rawValue)", at: world.place,
        fix: "pass no residual, or sum")
    }
  }

  private func work(
    _ source: UnsafeRawBufferPointer, _ destination: UnsafeMutableRawBufferPointer,
    _ element: ElementType, _ reduction: CollectiveReduction, _ wire: WireFormat,
    _ residual: UnsafeMutableBufferPointer<Float>?
  ) -> Work {
    let partial = PartialReduction(element: element, reduction: reduction)
    return Work(
      source: source, destination: destination,
      piece: .init(partial: partial, wire: wire, rankCount: rankCount), residual: residual,
      pieceSize: max(1, world.options.pieceBytes / element.byteCount))
  }

  private func perform(_ work: Work, _ part: (MessageTag) throws -> Void) throws {
    var call = world.nextCall(.allReduce, byteCount: work.source.count)
    (call.element, call.reduction) = (work.partial.element, work.partial.reduction)
    if work.piece.wire != .exact { call.wire = work.piece.wire }
    try perform(call, work.source, work.destination, part: part)
  }

  // MARK: Large sums

  private func sum(_ work: Work, _ tag: MessageTag) throws {
    let pieceCount = max(1, (work.count + work.pieceSize - 1) / work.pieceSize)
    for turn in 0..<pieceCount + 2 {
      if turn < pieceCount {
        try scatter(work, work.range(turn), into: slots[turn % 3], tag.step(2 * turn))
        try slots[turn % 3].post()
      }
      if turn >= 1, turn <= pieceCount {
        try slots[(turn - 1) % 3].combine(isMeeting: turn == 1)
      }
      if turn >= 2 {
        try slots[(turn - 2) % 3].finish()
        try gather(slots[(turn - 2) % 3].result, into: work.output(work.range(turn - 2)))
      }
    }
  }

  private func scatter(
    _ work: Work, _ piece: Range<Int>, into slot: CrossHostPiece, _ tag: MessageTag
  ) throws {
    let own = shard(of: piece)
    try slot.begin(
      work.piece, count: shardCount(piece), tag: tag,
      residual: work.residual.map { UnsafeMutableBufferPointer(rebasing: $0[own]) })
    try scatter(work, piece, into: slot.shard)
  }

  private func scatter(
    _ work: Work, _ piece: Range<Int>, into shard: UnsafeMutableRawBufferPointer
  ) throws {
    let incomplete = work.partial.incomplete
    try host.reduceScatter(
      whole(work, piece), into: shard, element: incomplete.element,
      reduction: incomplete.reduction, outerCount: 1)
  }

  /// The elements of a piece in the type of incomplete results, and zeros behind them.
  private func whole(_ work: Work, _ piece: Range<Int>) throws -> UnsafeRawBufferPointer {
    let (bytes, count) = (work.input(piece), shardCount(piece) * host.rankCount)
    if count == piece.count, work.partial.wide == work.partial.element { return bytes }
    let target = try packed.take(count * work.partial.wide.byteCount)
    target.initializeMemory(as: UInt8.self, repeating: 0)
    work.partial.load(bytes, into: target)
    return UnsafeRawBufferPointer(target)
  }

  // MARK: Small sums

  /// In one piece, whose shards are exchanged by recursive doubling.
  private func double(_ work: Work, _ tag: MessageTag) throws {
    let (piece, partial) = (0..<work.count, work.partial)
    let count = shardCount(piece)
    let shard = try pieces[0].take(count * partial.wide.byteCount)
    try scatter(work, piece, into: shard)
    let incomplete = partial.incomplete
    let wide = PartialReduction(element: incomplete.element, reduction: incomplete.reduction)
    try across.doublingAllReduce(tag, wide, UnsafeRawBufferPointer(shard), shard)
    let result = try pieces[1].take(count * partial.element.byteCount)
    if count > 0, let from = shard.baseAddress, let to = result.baseAddress {
      partial.store(from, count: count, rankCount: rankCount, into: to)
    }
    try gather(result, into: work.output(piece))
  }
}
