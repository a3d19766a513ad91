import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements

/// One operation of a stream: what it is follows from its number and the seed.
struct StreamOperation {
  enum Kind: CaseIterable {
    case sum, gather, scatter, exchange, unevenExchange, broadcast, barrier
  }

  var kind: Kind
  var element: ElementType
  /// How many elements there are, over all ranks where each gets others.
  var count: Int
  private let number: UInt64

  init(index: Int, seed: Int, byteLimit: Int) {
    var numbers = Numbers(seed &* 1_000_003 &+ index)
    kind = Kind.allCases[Int(numbers.next() % UInt64(Kind.allCases.count))]
    let elements: [ElementType] = [.float32, .float16, .int64, .bfloat16, .int8]
    element = elements[Int(numbers.next() % UInt64(elements.count))]
    // Small ones often, large ones now and then.
    let limit = numbers.next() % 4 == 0 ? byteLimit : min(byteLimit, 2048)
    count = 1 + Int(numbers.next() % UInt64(max(1, limit / element.byteCount)))
    number = numbers.next()
  }

  /// Another kind.
  var other: Kind {
    let others = Kind.allCases.filter { $0 != kind }
    return others[Int(number % UInt64(others.count))]
  }

  func run(_ world: any Communicator) throws {
    let counts = byteCounts(world)
    let source = Memory([UInt8](repeating: 0, count: counts.source))
    let target = Memory(count: counts.destination)
    // Memory may go after its last use, which is not the end of the operation.
    try withExtendedLifetime((source, target)) {
      try run(world, source.constant, target.mutable)
    }
  }

  private func byteCounts(_ world: any Communicator) -> (source: Int, destination: Int) {
    let all = count * element.byteCount
    let block = blockCount(world) * element.byteCount
    let whole = world.rankCount * block
    switch kind {
    case .sum: return (all, all)
    case .gather: return (block, whole)
    case .scatter: return (whole, block)
    case .exchange: return (whole, whole)
    case .unevenExchange: return (given(world).reduce(0, +), taken(world).reduce(0, +))
    case .broadcast: return (0, all)
    case .barrier: return (0, 0)
    }
  }

  /// How many elements go to each rank where each gets others.
  private func blockCount(_ world: any Communicator) -> Int { max(1, count / world.rankCount) }

  private func run(
    _ world: any Communicator, _ source: UnsafeRawBufferPointer,
    _ target: UnsafeMutableRawBufferPointer
  ) throws {
    switch kind {
    case .sum: try world.allReduce(source, into: target, element: element, reduction: .sum)
    case .gather: try world.allGather(source, into: target, outerCount: 1)
    case .scatter:
      try world.reduceScatter(
        source, into: target, element: element, reduction: .maximum, outerCount: 1)
    case .exchange: try world.allToAll(source, into: target)
    case .unevenExchange:
      try world.allToAll(source, counts: given(world), into: target, counts: taken(world))
    case .broadcast: try world.broadcast(target, root: Int(number % UInt64(world.rankCount)))
    case .barrier: try world.barrier()
    }
  }

  // MARK: Uneven blocks

  private func given(_ world: any Communicator) -> [Int] {
    (0..<world.rankCount).map { size(world, world.rank, $0) }
  }

  private func taken(_ world: any Communicator) -> [Int] {
    (0..<world.rankCount).map { size(world, $0, world.rank) }
  }

  /// What rank `from` gives to rank `to` depends on both.
  private func size(_ world: any Communicator, _ from: Int, _ to: Int) -> Int {
    (from * 3 + to * 5) % 4 * blockCount(world)
  }
}
