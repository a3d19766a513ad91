import DeepEPElements

extension MessageCommunicator: Communicator {
  var log: CommunicationLog? { operations }

  func group(_ ranks: [Int]) throws -> any Communicator {
    _ = try checkGroup(ranks, at: place)
    return try subgroup(ranks)
  }

  /// Makes a group of some ranks, ascending, this one among them.
  func subgroup(_ ranks: [Int]) throws -> MessageCommunicator {
    let number = nextGroup(ranks)
    let token = control.recorder.begin(
      CollectiveCall(kind: .group, sequenceNumber: 0), group: number)
    defer { control.recorder.end(token) }
    let group = try MessageCommunicator(
      control, fabric, members: ranks.map { members[$0] }, number: number, options: options,
      log: operations)
    let call = group.nextCall(.group)
    try group.perform(call) { try group.meet($0) }
    return group
  }

  func barrier() throws { try perform(nextCall(.barrier)) { try meet($0) } }

  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction
  ) throws {
    let algorithm = options.algorithms.algorithm(
      for: .allReduce, byteCount: source.count, hostCount: hostCount, rankCount: rankCount)
    var call = nextCall(.allReduce, byteCount: source.count)
    (call.element, call.reduction) = (element, reduction)
    let partial = PartialReduction(element: element, reduction: reduction)
    let order = RankOrderReduction(element: element, reduction: reduction)
    try perform(call, source, destination) { tag in
      switch algorithm {
      case _ where rankCount == 1:
        reduce(order, [source.baseAddress].compactMap { $0 }, source.count, into: destination)
      case .ring:
        try RingAllReduce(self, partial, tag, source, destination).run()
      case .recursiveDoubling: try doublingAllReduce(tag, partial, source, destination)
      case .direct, .hierarchical, .hierarchicalDoubling:
        try DirectAllReduce(self, order, tag, source, destination).run()
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
    let block = destination.count
    try perform(call, source, destination) { tag in
      let blocks = outerCount > 1 ? try pack(source, outerCount) : source
      let incoming = try received.take(block * rankCount)
      try exchange(
        tag, giving: { blocks.part($0 * block, block) },
        taking: { incoming.part($0 * block, block) }, isMeeting: true)
      let sources = (0..<rankCount).compactMap { peer -> UnsafeRawPointer? in
        let all = peer == rank ? blocks : UnsafeRawBufferPointer(incoming)
        return all.baseAddress.map { $0 + peer * block }
      }
      reduce(order, sources, block, into: destination)
    }
  }

  func allGather(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    outerCount: Int
  ) throws {
    var call = nextCall(.allGather, byteCount: source.count)
    call.outerCount = outerCount
    let block = source.count
    try perform(call, source, destination) { tag in
      let target = outerCount > 1 ? try received.take(destination.count) : destination
      try exchange(
        tag, giving: { _ in source }, taking: { target.part($0 * block, block) }, isMeeting: true)
      target.part(rank * block, block).copyMemory(from: source)
      if outerCount > 1 { unpack(UnsafeRawBufferPointer(target), outerCount, into: destination) }
    }
  }

  func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws {
    var call = nextCall(.broadcast, byteCount: buffer.count)
    call.root = root
    try perform(call, UnsafeRawBufferPointer(buffer), buffer) { tag in
      try spread(tag, buffer, root: root)
    }
  }

  func fail(_ reason: String) {
    control.fail(
      CommunicationError(
        "\(name(of: rank)) gave up: \(reason)", at: place,
        fix: "see to the reason: the other ranks end because of it"))
  }
}

// MARK: Messages

extension MessageCommunicator {
  func allToAll(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
  ) throws {
    let block = source.count / rankCount
    try perform(nextCall(.allToAll, byteCount: source.count), source, destination) { tag in
      try exchange(
        tag, giving: { source.part($0 * block, block) },
        taking: { destination.part($0 * block, block) }, isMeeting: true)
      destination.part(rank * block, block).copyMemory(from: source.part(rank * block, block))
    }
  }

  func allToAll(
    _ source: UnsafeRawBufferPointer, counts sourceCounts: [Int],
    into destination: UnsafeMutableRawBufferPointer, counts destinationCounts: [Int]
  ) throws {
    let counts = BlockCounts(source: sourceCounts, destination: destinationCounts)
    let call = nextCall(.unevenAllToAll)
    try counts.check(source, destination, rankCount: rankCount, call.text, at: place)
    guard sourceCounts[rank] == destinationCounts[rank] else {
      throw CommunicationError(
        "\(call.text): this rank gives itself \(sourceCounts[rank]) bytes and expects "
          + "\(destinationCounts[rank])", at: place, fix: "make both the same")
    }
    let starts = (0..<rankCount).map { destinationCounts[..<$0].reduce(0, +) }
    let given = { (peer: Int) in source.part(counts.sourceOffset(peer), sourceCounts[peer]) }
    try perform(call, source, destination) { tag in
      try exchange(
        tag, giving: given, taking: { destination.part(starts[$0], destinationCounts[$0]) },
        isMeeting: true)
      destination.part(starts[rank], destinationCounts[rank]).copyMemory(from: given(rank))
    }
  }

  func send(_ source: UnsafeRawBufferPointer, to rank: Int) throws {
    try checkMessage(from: self.rank, to: rank, at: place)
    let call = nextMessage(.send, rank, byteCount: source.count)
    try perform(call, source) { tag in
      let sent = channel.send(source, to: rank, tag: tag)
      try wait(for: [sent, answer(tag, from: rank)], isMeeting: true)
    }
  }

  func receive(into destination: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    try checkMessage(from: rank, to: self.rank, at: place)
    let call = nextMessage(.receive, rank, byteCount: destination.count)
    try perform(call, .init(start: nil, count: 0), destination) { tag in
      try wait(for: [channel.receive(into: destination, from: rank, tag: tag)], isMeeting: true)
      try wait(for: [channel.send(.init(start: nil, count: 0), to: rank, tag: tag.step(1))])
    }
  }

  /// The message without bytes that says that a message has come.
  private func answer(_ tag: MessageTag, from peer: Int) -> MessageRequest {
    channel.receive(into: .init(start: nil, count: 0), from: peer, tag: tag.step(1))
  }
}
