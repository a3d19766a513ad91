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
        what:
          "the strategy needs \(mesh.rankCount.counted("rank")), there are \(communicator.rankCount)",
        place: "mesh", fix: "start \(mesh.rankCount.counted("rank")), or choose another strategy")
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
  ///
  /// - Parameter residual: What compression has lost before, and then has lost; nil for other collectives.
  package func run(
    _ collective: any Collective, _ source: UnsafeRawBufferPointer,
    into destination: UnsafeMutableRawBufferPointer, operand: Type,
    residual: UnsafeMutableRawBufferPointer? = nil
  ) throws {
    guard let group = groups[collective.axes.sorted()] else {
      throw ExecutionError(
        what: "the mesh has no axes \(collective.axes.map(\.rawValue))", place: collective.name,
        fix: "run the program on the mesh for which it was partitioned")
    }
    try Self.operation(collective, source, destination, operand, residual).run(on: group)
  }

  /// Starts a collective that goes on beside the caller; nil if this cannot be, and nothing was done.
  ///
  /// The buffers must stay as long as it goes on.
  func start(
    _ collective: any Collective, _ source: UnsafeRawBufferPointer,
    into destination: UnsafeMutableRawBufferPointer, operand: Type,
    residual: UnsafeMutableRawBufferPointer? = nil
  ) throws -> CommunicationHandle? {
    guard let queue = queues[collective.axes.sorted()] else { return nil }
    return queue.start(try Self.operation(collective, source, destination, operand, residual))
  }

  private static func operation(
    _ collective: any Collective, _ source: UnsafeRawBufferPointer,
    _ destination: UnsafeMutableRawBufferPointer, _ operand: Type,
    _ residual: UnsafeMutableRawBufferPointer?
  ) throws -> CommunicationOperation {
    switch collective {
    case let reduce as CompressedAllReduce where operand.element == .float32:
      return .compressedAllReduce(
        source, into: destination, reduction: .sum, wire: .init(reduce.compression),
        residual: residual)
    case is CompressedAllReduce:
      return .allReduce(source, into: destination, element: operand.element, reduction: .sum)
    case let scatter as CompressedReduceScatter:
      let outerCount = operand.shape[..<scatter.dimension].reduce(1, *)
      guard operand.element == .float32 else {
        return .reduceScatter(
          source, into: destination, element: operand.element, reduction: .sum,
          outerCount: outerCount)
      }
      return .compressedReduceScatter(
        source, into: destination, reduction: .sum, outerCount: outerCount,
        wire: .init(scatter.compression), residual: residual)
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
    _ collective: any Collective, _ operands: [HostArray], types: [Type]
  ) throws -> [HostArray] {
    let source = operands[0].bytes
    var result = [UInt8](repeating: 0, count: types[0].byteCount)
    var residual = operands.dropFirst().first?.bytes ?? []
    try source.withUnsafeBytes { bytes in
      try result.withUnsafeMutableBytes { result in
        try residual.withUnsafeMutableBytes { residual in
          try run(
            collective, bytes, into: result, operand: operands[0].type,
            residual: operands.count > 1 ? residual : nil)
        }
      }
    }
    return zip(types, [result, residual]).map { type, bytes in
      bytes.withUnsafeBytes { HostArray(type.element, type.shape, bytes: $0) }
    }
  }
}

extension WireFormat {
  fileprivate init(_ compression: Compression) {
    switch compression {
    case .none: self = .exact
    case .bfloat16: self = .bfloat16
    case .int8: self = .int8
    }
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
