import DeepEPTargets
import DeepEPTensors

/// Which gradients are exchanged together, and which parameters.
///
/// Those of one bucket depend on the same number of collectives before them, so that none waits for another one of
/// the same bucket, nor for one that waits for it. Parameters as they are stored depend on none.
struct ExchangeBuckets {
  /// The collectives of each bucket, in the order in which their operands are made, or their results needed.
  private(set) var all: [[Int]] = []
  private let graph: Graph
  private let mesh: Mesh
  private let target: any Target

  /// What collectives of a bucket have in common.
  private struct Kind: Hashable {
    let exchange: Exchange
    let axes: [MeshAxis]
    var reduction = Reduction.sum
    let type: Type
    /// What forward has gathered, backward gathers again.
    let stage: Stage
    /// The number of collectives before it.
    let depth: Int
  }

  init(_ graph: Graph, _ mesh: Mesh, _ target: any Target) {
    (self.graph, self.mesh, self.target) = (graph, mesh, target)
    let (depths, times, isStored) = (collectiveDepths(), exchangeTimes(), storedNodes())
    var kinds: [Kind: [Int]] = [:]
    for index in graph.nodes.indices {
      let isUpdate = graph.nodes[index].origin.phase == .update
      let depth = isUpdate ? depths[index] : isStored[index] ? 0 : nil
      if let depth, let kind = kind(index, depth: depth) { kinds[kind, default: []].append(index) }
    }
    for (kind, members) in kinds {
      let ordered = members.sorted { (times[$0], $0) < (times[$1], $1) }
      all += filled(ordered, kind)
    }
    all.sort { $0[0] < $1[0] }
  }

  private func kind(_ index: Int, depth: Int) -> Kind? {
    let node = graph.nodes[index]
    let (stage, scalar) = (Stage(node.origin.phase), node.types[0].with(shape: []))
    switch node.operation {
    case let reduce as AllReduce where stage == .update && node.controls.isEmpty:
      return Kind(
        exchange: .allReduce, axes: reduce.axes, reduction: reduce.reduction, type: scalar,
        stage: stage, depth: depth)
    case let scatter as ReduceScatter where stage == .update && node.controls.isEmpty:
      return Kind(
        exchange: .reduceScatter, axes: scatter.axes, reduction: scatter.reduction, type: scalar,
        stage: stage, depth: depth)
    case let gather as AllGather where stage != .update || node.controls.isEmpty:
      return Kind(
        exchange: .allGather, axes: gather.axes, type: scalar, stage: stage, depth: depth)
    default: return nil
    }
  }

  /// For each node how many collectives come before it on the longest way.
  private func collectiveDepths() -> [Int] {
    var depths: [Int] = []
    for node in graph.nodes {
      let before = (node.operands.map(\.node) + node.controls).map { used in
        depths[used] + (graph.nodes[used].operation is any Collective ? 1 : 0)
      }
      depths.append(before.max() ?? 0)
    }
    return depths
  }

  /// For each node whether its operands are made of nothing but slots: parameters as they are stored.
  private func storedNodes() -> [Bool] {
    var isStored: [Bool] = []
    for node in graph.nodes {
      let isMade = !node.operands.isEmpty && node.operands.allSatisfy { isStored[$0.node] }
      isStored.append(node.operation is Read || (isMade && !(node.operation is any Collective)))
    }
    return graph.nodes.map { node in
      !node.operands.isEmpty && node.operands.allSatisfy { isStored[$0.node] }
    }
  }

  /// For each node its place; for an update the last node of backward that it needs, since updates are written in the
  /// order of slots.
  private func exchangeTimes() -> [Int] {
    var times: [Int] = []
    for (index, node) in graph.nodes.enumerated() {
      let latest = node.operands.map { times[$0.node] }.max() ?? 0
      times.append(node.origin.phase == .update ? latest : index)
    }
    return times
  }

  // MARK: Sizes

  private func byteCount(_ index: Int) -> Int { largest(index).byteCount }

  /// The type of the operand or of the result, whichever is larger.
  private func largest(_ index: Int) -> Type {
    let (operand, result) = (
      graph.type(of: graph.nodes[index].operands[0]), graph.nodes[index].types[0]
    )
    return operand.byteCount > result.byteCount ? operand : result
  }

  /// Buckets of members in turn, each as large as links want it; those of one member are left out.
  private func filled(_ members: [Int], _ kind: Kind) -> [[Int]] {
    let total = members.reduce(0) { $0 + byteCount($1) }
    let limit = target.links.bucketBytes(of: total, over: kind.axes, of: mesh)
    var (buckets, bytes) = ([[Int]](), limit)
    for member in members where isWorthwhile(member, kind, limit) {
      if bytes >= limit {
        buckets.append([])
        bytes = 0
      }
      buckets[buckets.count - 1].append(member)
      bytes += byteCount(member)
    }
    return buckets.filter { $0.count > 1 }
  }

  /// Whether a collective less saves more time than it takes to copy a value into a bucket and out of it.
  private func isWorthwhile(_ member: Int, _ kind: Kind, _ limit: Int) -> Bool {
    guard byteCount(member) < limit else { return false }
    let type = largest(member)
    let copy = try? target.choice(for: Region.copy(type), operands: [type], results: [type])
    let saved = target.links.seconds(kind.exchange, byteCount: 0, over: kind.axes, of: mesh)
    return 2 * (copy?.seconds ?? .infinity) < saved
  }
}
