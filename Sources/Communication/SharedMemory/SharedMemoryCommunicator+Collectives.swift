import DeepEPElements

extension SharedMemoryCommunicator: Communicator {
  var log: CommunicationLog? { operations }

  var sharesMemory: Bool { true }

  func allocate(byteCount: Int) throws -> CommunicationBuffer { try arena.allocate(byteCount) }

  func group(_ ranks: [Int]) throws -> any Communicator {
    let group = try subgroup(ranks)
    try group.perform(group.nextCall(.group))
    return group
  }

  private func subgroup(_ ranks: [Int]) throws -> SharedMemoryCommunicator {
    _ = try checkGroup(ranks, at: place)
    let recorder = arena.control.recorder
    let token = recorder.begin(CollectiveCall(kind: .group, sequenceNumber: 0))
    defer { recorder.end(token) }
    return try SharedMemoryCommunicator(
      arena, members: ranks.map { members[$0] }, name: "group", log: operations)
  }

  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction
  ) throws {
    var call = nextCall(.allReduce, byteCount: source.count)
    (call.element, call.reduction) = (element, reduction)
    let order = RankOrderReduction(element: element, reduction: reduction)
    try perform(call, source, destination, needs: [.source, .destination]) { way in
      switch way {
      case .eager:
        order.apply(
          eagerSources, from: 0, into: target(destination), at: 0,
          count: source.count / element.byteCount)
      case .pulled: try pulledAllReduce(call, order, source, destination)
      case .direct: try directAllReduce(order, source, destination)
      case .staged: try stagedAllReduce(call, order, source, destination)
      }
    }
  }

  func reduceScatter(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction, outerCount: Int
  ) throws {
    var call = nextCall(.reduceScatter, byteCount: source.count)
    (call.element, call.reduction, call.outerCount) = (element, reduction, outerCount)
    let order = RankOrderReduction(element: element, reduction: reduction)
    let inner = destination.count / max(1, outerCount)
    try perform(call, source, destination, needs: .source) { way in
      if way == .staged {
        let pieces = Pieces(
          outerCount: outerCount, blockCount: rankCount, blockBytes: inner,
          byteLimit: arena.options.pieceBytes)
        return try staged(call, source, pieces) { piece, sources in
          guard let target = destination.baseAddress else { return }
          for outer in piece.outers {
            order.apply(
              sources, from: piece.offset(outer, rank),
              into: [target], at: outer * inner + piece.part.lowerBound,
              count: piece.part.count / element.byteCount)
          }
        }
      }
      let (sources, target) = (try sources(way, source, source.count), target(destination))
      for outer in 0..<outerCount {
        order.apply(
          sources, from: (outer * rankCount + rank) * inner, into: target, at: outer * inner,
          count: inner / element.byteCount)
      }
    }
  }

  func allGather(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    outerCount: Int
  ) throws {
    var call = nextCall(.allGather, byteCount: source.count)
    call.outerCount = outerCount
    let inner = source.count / max(1, outerCount)
    try perform(call, source, destination, needs: .source) { way in
      if way == .staged {
        let pieces = Pieces(
          outerCount: outerCount, blockCount: 1, blockBytes: inner,
          byteLimit: arena.options.pieceBytes)
        return try staged(call, source, pieces) { piece, sources in
          for outer in piece.outers {
            for (peer, bytes) in sources.enumerated() {
              copy(
                bytes + piece.offset(outer, 0), piece.part.count, to: destination,
                (outer * rankCount + peer) * inner + piece.part.lowerBound)
            }
          }
        }
      }
      let sources = try sources(way, source, source.count)
      for outer in 0..<outerCount {
        copyBlocks(
          sources, inner, from: outer * inner, to: destination, outer * rankCount * inner)
      }
    }
  }

  func allToAll(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
  ) throws {
    let call = nextCall(.allToAll, byteCount: source.count)
    let block = source.count / rankCount
    try perform(call, source, destination, needs: .source) { way in
      if way == .staged {
        let pieces = Pieces(
          outerCount: 1, blockCount: rankCount, blockBytes: block,
          byteLimit: arena.options.pieceBytes)
        return try staged(call, source, pieces) { piece, sources in
          for (peer, bytes) in sources.enumerated() {
            copy(
              bytes + piece.offset(0, rank), piece.part.count, to: destination,
              peer * block + piece.part.lowerBound)
          }
        }
      }
      copyBlocks(
        try sources(way, source, source.count), block, from: rank * block, to: destination, 0)
    }
  }

  func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws {
    var call = nextCall(.broadcast, byteCount: buffer.count)
    call.root = root
    try pass(call, UnsafeRawBufferPointer(buffer), into: buffer, root: root)
  }

  func barrier() throws { try perform(nextCall(.barrier)) }

  func fail(_ reason: String) {
    arena.control.fail(
      CommunicationError(
        "\(arena.control.membership.name(of: members[rank])) gave up: \(reason)", at: place,
        fix: "see to the reason: the other ranks end because of it"))
  }
}

// MARK: Addresses

extension SharedMemoryCommunicator {
  /// This rank combines the bytes of all ranks for itself.
  ///
  /// The result waits until all have read: a source may be where its destination is.
  private func pulledAllReduce(
    _ call: CollectiveCall, _ order: RankOrderReduction, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer
  ) throws {
    let sources = try sources(.pulled, source, source.count)
    try withUnsafeTemporaryAllocation(byteCount: source.count, alignment: 64) { result in
      guard let start = result.baseAddress else { return }
      order.apply(
        sources, from: 0, into: target(result), at: 0, count: source.count / order.element.byteCount
      )
      try meeting.meet(for: call)
      copy(start, source.count, to: destination, 0)
    }
  }

  /// This rank combines its parts of the bytes of all ranks for all of them.
  ///
  /// The parts are spread over all bytes, and every other operation begins at the end: what was touched
  /// last is still in the cache.
  private func directAllReduce(
    _ order: RankOrderReduction, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer
  ) throws {
    let sources = try sources(.direct, source, source.count)
    let destinations = try destinations(destination)
    let rounds = max(1, source.count / (rankCount * arena.options.shareBytes))
    let size = (source.count / (rankCount * rounds) + 63) / 64 * 64
    for step in 0...rounds {
      let round = parity == 0 ? step : rounds - step
      let start = (round * rankCount + rank) * size
      guard start < source.count else { continue }
      order.apply(
        sources, from: start, into: destinations, at: start,
        count: min(size, source.count - start) / order.element.byteCount)
    }
  }

  /// The sources of all ranks, where this process sees them.
  func sources(
    _ way: Way, _ own: UnsafeRawBufferPointer, _ byteCount: Int
  ) throws -> RankOrderReduction.Sources {
    if way == .eager { return eagerSources }
    for peer in 0..<rankCount where peer != rank {
      addresses.setSource(peer, try source(of: peer, byteCount))
    }
    if let start = own.baseAddress { addresses.setSource(rank, start) }
    return addresses.sources
  }

  /// The bytes that the ranks have copied for the operation that goes on.
  var eagerSources: RankOrderReduction.Sources {
    parity == 0 ? eager.0.sources : eager.1.sources
  }

  /// This rank's destination alone.
  private func target(
    _ destination: UnsafeMutableRawBufferPointer
  ) -> RankOrderReduction.Destinations {
    guard let start = destination.baseAddress else { return .init(start: nil, count: 0) }
    addresses.setDestination(rank, start)
    return .init(rebasing: addresses.destinations[rank...rank])
  }

  /// The source of another rank, where this process sees it.
  func source(of peer: Int, _ byteCount: Int) throws -> UnsafeRawPointer {
    let place = call(of: peer).pointee.source
    if place == SharedCall.copied, byteCount <= arena.options.eagerBytes {
      return eagerSources[peer]
    }
    return UnsafeRawPointer(
      try arena.address(indices[peer], place: place, byteCount: byteCount))
  }

  /// The destinations of all ranks, which are as large as this one's.
  private func destinations(
    _ own: UnsafeMutableRawBufferPointer
  ) throws -> RankOrderReduction.Destinations {
    for peer in 0..<rankCount where peer != rank {
      addresses.setDestination(
        peer,
        try arena.address(
          indices[peer], place: call(of: peer).pointee.destination, byteCount: own.count))
    }
    if let start = own.baseAddress { addresses.setDestination(rank, start) }
    return addresses.destinations
  }

  /// Copies a block of each rank's source, one behind the other.
  private func copyBlocks(
    _ sources: RankOrderReduction.Sources, _ size: Int, from start: Int,
    to destination: UnsafeMutableRawBufferPointer, _ place: Int
  ) {
    for part in stride(from: 0, to: size, by: arena.options.turnBytes) {
      let count = min(arena.options.turnBytes, size - part)
      for (peer, bytes) in sources.enumerated() {
        copy(bytes + start + part, count, to: destination, place + peer * size + part)
      }
    }
  }

  func copy(
    _ source: UnsafeRawPointer, _ count: Int, to destination: UnsafeMutableRawBufferPointer,
    _ place: Int
  ) {
    guard count > 0, let start = destination.baseAddress else { return }
    (start + place).copyMemory(from: source, byteCount: count)
  }
}
