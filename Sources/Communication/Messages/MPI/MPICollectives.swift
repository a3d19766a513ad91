import DeepEPElements
import DeepEPSystemMPI

/// A rank of a group whose collectives are MPI's own, where it has them for the elements.
///
/// The ranks meet by messages first and compare what they call, since MPI does not; then MPI's collective moves the bytes.
/// Sums are taken in the order that MPI likes. Everything else is as over messages.
// Its state is touched by one thread at a time: that which uses the communicator.
final class MPICollectives: @unchecked Sendable {
  private let messages: MPIMessages
  private let world: MessageCommunicator
  private let native: MPIGroup

  /// - Parameter world: the ranks of the group, by messages.
  init(_ messages: MPIMessages, _ world: MessageCommunicator) throws {
    (self.messages, self.world) = (messages, world)
    native = try messages.group(world.control, world.members, tag: Int32(world.number))
  }

  /// Meets the other ranks, and does a collective of MPI's.
  private func perform(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer, _ collect: () throws -> Void
  ) throws {
    try world.perform(call, source, destination) { tag in
      try world.meet(tag)
      try collect()
    }
  }

  /// Whether MPI, which counts in int, can take blocks of this many bytes.
  private func fits(_ byteCount: Int) -> Bool { rankCount > 1 && byteCount <= Int32.max }

  private func collect(
    _ kind: Int, _ call: CollectiveCall, _ element: MPIElement = .bytes, count: Int,
    _ source: UnsafeRawPointer?, _ destination: UnsafeMutableRawPointer?
  ) throws {
    let collective = deepep_mpi_collective(
      kind: Int32(kind), element: element.type, root: Int32(call.root ?? 0), count: Int32(count),
      source: source, destination: destination)
    try native.collect(collective, "\(world.place): \(call.text)")
  }
}

/// What MPI sums, and how.
///
/// Only numbers of 32 and 64 bits, and only sums: Open MPI 4.1 does not let smaller ones wrap, MPICH 4.0 takes unsigned
/// ones for signed ones where it compares, and neither says what a maximum is with what is not a number.
struct MPIElement: Hashable {
  let type: Int32
  /// Whether sums are divided on each rank.
  var isMean = false

  static var bytes: MPIElement { MPIElement(type: Int32(DEEPEP_MPI_BYTE)) }

  private init(type: Int32) { self.type = type }

  /// Nil for what goes by our algorithms.
  init?(_ element: ElementType, _ reduction: CollectiveReduction) {
    guard reduction == .sum || reduction == .mean else { return nil }
    switch element {
    case .float64: self.init(type: Int32(DEEPEP_MPI_FLOAT64))
    case .float32: self.init(type: Int32(DEEPEP_MPI_FLOAT32))
    // Sums have the same bits with and without a sign.
    case .int64, .uint64: self.init(type: Int32(DEEPEP_MPI_INT64))
    case .int32, .uint32: self.init(type: Int32(DEEPEP_MPI_INT32))
    default: return nil
    }
    isMean = reduction == .mean
  }
}

// MARK: Sums

extension MPICollectives: Communicator {
  func allReduce(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction
  ) throws {
    guard let native = MPIElement(element, reduction), fits(source.count) else {
      return try world.allReduce(source, into: destination, element: element, reduction: reduction)
    }
    var call = world.nextCall(.allReduce, byteCount: source.count)
    (call.element, call.reduction) = (element, reduction)
    try perform(call, source, destination) {
      let result =
        isAligned(destination, element) ? destination : try world.received.take(source.count)
      // What is not aligned is combined in place of its copy.
      let isCopied = !isAligned(source, element)
      if isCopied { result.copyMemory(from: source) }
      try collect(
        DEEPEP_MPI_ALL_REDUCE, call, native, count: source.count / element.byteCount,
        isCopied ? result.baseAddress.map { UnsafeRawPointer($0) } : source.baseAddress,
        result.baseAddress)
      finish(native, element, result, into: destination)
    }
  }

  func reduceScatter(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    element: ElementType, reduction: CollectiveReduction, outerCount: Int
  ) throws {
    guard let native = MPIElement(element, reduction), fits(source.count) else {
      return try world.reduceScatter(
        source, into: destination, element: element, reduction: reduction, outerCount: outerCount)
    }
    var call = world.nextCall(.reduceScatter, byteCount: source.count)
    (call.element, call.reduction, call.outerCount) = (element, reduction, outerCount)
    try perform(call, source, destination) {
      let isInOrder = outerCount <= 1 && isAligned(source, element)
      let blocks = isInOrder ? source : try world.pack(source, max(1, outerCount))
      let result =
        isAligned(destination, element) ? destination : try world.received.take(destination.count)
      try collect(
        DEEPEP_MPI_REDUCE_SCATTER, call, native, count: destination.count / element.byteCount,
        blocks.baseAddress, result.baseAddress)
      finish(native, element, result, into: destination)
    }
  }

  private func isAligned(_ bytes: UnsafeRawBufferPointer, _ element: ElementType) -> Bool {
    UInt(bitPattern: bytes.baseAddress) % UInt(element.byteCount) == 0
  }

  private func isAligned(_ bytes: UnsafeMutableRawBufferPointer, _ element: ElementType) -> Bool {
    isAligned(UnsafeRawBufferPointer(bytes), element)
  }

  /// Divides a mean's sums, and puts the result where it is wanted.
  private func finish(
    _ native: MPIElement, _ element: ElementType, _ result: UnsafeMutableRawBufferPointer,
    into destination: UnsafeMutableRawBufferPointer
  ) {
    if native.isMean, element == .float64 {
      divide(result.bindMemory(to: Double.self))
    } else if native.isMean {
      divide(result.bindMemory(to: Float.self))
    }
    if result.baseAddress != destination.baseAddress {
      destination.copyMemory(from: UnsafeRawBufferPointer(result))
    }
  }

  private func divide<Number: BinaryFloatingPoint>(_ sums: UnsafeMutableBufferPointer<Number>) {
    for index in sums.indices { sums[index] /= Number(rankCount) }
  }

  // MARK: Bytes

  func allGather(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
    outerCount: Int
  ) throws {
    guard fits(source.count) else {
      return try world.allGather(source, into: destination, outerCount: outerCount)
    }
    var call = world.nextCall(.allGather, byteCount: source.count)
    call.outerCount = outerCount
    try perform(call, source, destination) {
      let target = outerCount > 1 ? try world.received.take(destination.count) : destination
      try collect(
        DEEPEP_MPI_ALL_GATHER, call, count: source.count, source.baseAddress, target.baseAddress)
      if outerCount > 1 {
        world.unpack(UnsafeRawBufferPointer(target), outerCount, into: destination)
      }
    }
  }

  func allToAll(
    _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
  ) throws {
    guard fits(source.count) else { return try world.allToAll(source, into: destination) }
    let call = world.nextCall(.allToAll, byteCount: source.count)
    try perform(call, source, destination) {
      try collect(
        DEEPEP_MPI_ALL_TO_ALL, call, count: source.count / rankCount, source.baseAddress,
        destination.baseAddress)
    }
  }

  func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws {
    guard fits(buffer.count) else { return try world.broadcast(buffer, root: root) }
    var call = world.nextCall(.broadcast, byteCount: buffer.count)
    call.root = root
    try perform(call, UnsafeRawBufferPointer(buffer), buffer) {
      try collect(DEEPEP_MPI_BROADCAST, call, count: buffer.count, nil, buffer.baseAddress)
    }
  }

  // MARK: As over messages

  var rank: Int { world.rank }
  var rankCount: Int { world.rankCount }
  var log: CommunicationLog? { world.log }

  func group(_ ranks: [Int]) throws -> any Communicator {
    _ = try checkGroup(ranks, at: world.place)
    return try MPICollectives(messages, world.subgroup(ranks))
  }

  func allToAll(
    _ source: UnsafeRawBufferPointer, counts sourceCounts: [Int],
    into destination: UnsafeMutableRawBufferPointer, counts destinationCounts: [Int]
  ) throws {
    try world.allToAll(
      source, counts: sourceCounts, into: destination, counts: destinationCounts)
  }

  func send(_ source: UnsafeRawBufferPointer, to rank: Int) throws {
    try world.send(source, to: rank)
  }

  func receive(into destination: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    try world.receive(into: destination, from: rank)
  }

  /// A meeting is one.
  func barrier() throws { try world.barrier() }

  func fail(_ reason: String) { world.fail(reason) }
}

extension MPICollectives: QueuedCommunicator {
  var board: WaitBoard { world.board }
  var queue: Int {
    get { world.queue }
    set { world.queue = newValue }
  }
}
