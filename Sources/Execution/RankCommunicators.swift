import DeepEPCommunication
import DeepEPElements
import DeepEPTensors

/// The other ranks of a mesh, as a program's collectives meet them.
///
/// Made by all ranks at the same time, since groups are.
package struct RankCommunicators: Sendable {
  /// The ranks as a grid.
  package let mesh: Mesh
  /// All ranks of the mesh.
  package let all: any Communicator
  /// The group of the ranks that differ along some axes.
  private let groups: [[MeshAxis]: any Communicator]
  /// For collectives that go on beside compute; empty if none do.
  private let queues: [[MeshAxis]: CommunicationQueue]

  /// Makes the groups of a rank for every set of axes.
  ///
  /// - Parameter goBeside: Whether collectives can go on beside compute, each set of axes on a thread.
  /// - Throws: ``ExecutionError`` if the mesh does not have as many ranks as the communicator, and the
  ///   communicator's errors.
  package init(
    _ mesh: Mesh, _ communicator: any Communicator, goBeside: Bool = false
  ) throws {
    guard mesh.rankCount == communicator.rankCount else {
      throw ExecutionError(
        what: "the strategy needs \(mesh.rankCount) ranks, there are \(communicator.rankCount)",
        place: "mesh", fix: "start \(mesh.rankCount) ranks, or choose another strategy")
    }
    self.mesh = mesh
    all = communicator
    var groups: [[MeshAxis]: any Communicator] = [:]
    var queues: [[MeshAxis]: CommunicationQueue] = [:]
    for axes in mesh.axes.subsets {
      let group = try communicator.group(mesh.group(of: communicator.rank, along: axes))
      groups[axes] = group
      if goBeside { queues[axes] = try CommunicationQueue(group) }
    }
    (self.groups, self.queues) = (groups, queues)
  }

  /// The number of this rank.
  package var rank: Int { all.rank }

  /// Where the rank is along an axis.
  package func index(along axis: MeshAxis) -> Int { mesh.index(of: rank, along: axis) }

  /// Runs a collective from one buffer into another.
  package func run(
    _ collective: any Collective, _ source: UnsafeRawBufferPointer,
    into destination: UnsafeMutableRawBufferPointer, operand: Type
  ) throws {
    guard let group = groups[collective.axes.sorted()] else {
      throw ExecutionError(
        what: "the mesh has no axes \(collective.axes.map(\.rawValue))", place: collective.name,
        fix: "run the program on the mesh for which it was partitioned")
    }
    try Self.operation(collective, source, destination, operand).run(on: group)
  }

  /// Starts a collective that goes on beside the caller; nil if this cannot be, and nothing was done.
  ///
  /// The buffers must stay as long as it goes on.
  func start(
    _ collective: any Collective, _ source: UnsafeRawBufferPointer,
    into destination: UnsafeMutableRawBufferPointer, operand: Type
  ) throws -> CommunicationHandle? {
    guard let queue = queues[collective.axes.sorted()] else { return nil }
    return queue.start(try Self.operation(collective, source, destination, operand))
  }

  private static func operation(
    _ collective: any Collective, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer, _ operand: Type
  ) throws -> CommunicationOperation {
    switch collective {
    case let reduce as AllReduce:
      return .allReduce(
        source, into: destination, element: operand.element, reduction: .init(reduce.reduction))
    case let scatter as ReduceScatter:
      return .reduceScatter(
        source, into: destination, element: operand.element, reduction: .init(scatter.reduction),
        outerCount: operand.shape[..<scatter.dimension].reduce(1, *))
    case let gather as AllGather:
      return .allGather(
        source, into: destination, outerCount: operand.shape[..<gather.dimension].reduce(1, *))
    case is AllToAll: return .allToAll(source, into: destination)
    default:
      throw ExecutionError(
        what: "there is no collective '\(collective.name)'", place: "communication",
        fix: "use one that partition writes")
    }
  }
}

extension RankCommunicators: RankContext {
  /// Runs a collective on the interpreter's numbers.
  package func run(
    _ collective: any Collective, _ operand: HostArray, type: Type
  ) throws -> HostArray {
    let source = operand.bytes
    var result = [UInt8](repeating: 0, count: type.byteCount)
    try source.withUnsafeBytes { bytes in
      try result.withUnsafeMutableBytes {
        try run(collective, bytes, into: $0, operand: operand.type)
      }
    }
    return result.withUnsafeBytes { HostArray(type.element, type.shape, bytes: $0) }
  }
}

extension CollectiveReduction {
  fileprivate init(_ reduction: Reduction) {
    switch reduction {
    case .sum: self = .sum
    case .product: self = .product
    case .maximum: self = .maximum
    case .minimum: self = .minimum
    }
  }
}

extension [MeshAxis] {
  /// All subsets but the empty one, in an order that is the same on all ranks.
  fileprivate var subsets: [[MeshAxis]] {
    let all = reduce([[]]) { sets, axis in sets + sets.map { $0 + [axis] } }
    return Array<[MeshAxis]>(all.dropFirst())
  }
}
