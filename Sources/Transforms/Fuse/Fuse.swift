import DeepEPElements
import DeepEPTensors

/// Defines the transform that turns element-wise operations, reductions and the movement of elements
/// into regions: loop nests that read and write memory as rarely as the grouping allows.
///
/// Needs a program without composites, but those that have a region of their own; leaves inputs, slots, dense constants, contractions, regions,
/// and reshapes of values in memory.
package struct Fuse: Transform {
  package let name = TransformName.fuse
  private let optimizations: Set<Optimization>
  private let pairedElements: Set<ElementType>

  /// - Parameter pairedElements: The narrow floats whose products the device multiplies in pairs.
  package init(
    _ optimizations: Set<Optimization> = .all, pairedElements: Set<ElementType> = []
  ) {
    (self.optimizations, self.pairedElements) = (optimizations, pairedElements)
  }

  package func apply(_ program: Program) throws -> Program {
    try program.mapEntriesConcurrently { entry in
      let splits = optimizations.contains(.splitReductions)
      let entry = try (splits ? entry.splittingReductions() : entry).pruned()
      var fusion = Fusion(entry, optimizations, pairedElements)
      return fusion.fused()
    }
  }
}

/// The fusion of one entry.
private struct Fusion {
  private let entry: Entry
  private let roles: Roles
  private let clusters: Clusters
  private var rewriter: GraphRewriter
  private var isWritten: Set<Value> = []
  private let pairedElements: Set<ElementType>

  init(
    _ entry: Entry, _ optimizations: Set<Optimization>, _ pairedElements: Set<ElementType>
  ) {
    self.entry = entry
    self.pairedElements = pairedElements
    roles = Roles(entry, joinsEpilogues: optimizations.contains(.epilogue))
    clusters = Clusters(entry, roles, optimizations)
    rewriter = GraphRewriter(entry.graph)
  }

  mutating func fused() -> Entry {
    let needed = entry.graph.reachable(from: entry.roots)
    for (index, node) in entry.graph.nodes.enumerated() where needed[index] {
      // Inputs stay even if unused: their position is the entry's interface.
      if roles[index] != .movement, isNeededInMemory(index) || node.operation is Input {
        write(Value(node: index))
      }
    }
    entry.roots.forEach { write($0) }
    return rewriter.finish(entry).pruned()
  }

  private func isNeededInMemory(_ node: Int) -> Bool {
    roles[node] == .memory || roles[node] == .placement || clusters.isOutput(node)
  }

  /// Writes the node that puts a value into memory, after all that it needs.
  private mutating func write(_ value: Value) {
    guard isWritten.insert(value).inserted else { return }
    let node = entry.graph.nodes[value.node]
    switch roles[value.node] {
    case .memory: writeMemory(node, value.node)
    case .movement:
      node.operands.forEach { write($0) }
      rewriter.copy(value.node)
    default: if let cluster = clusters.owners[value.node].first { write(cluster: cluster) }
    }
  }

  private mutating func writeMemory(_ node: Node, _ index: Int) {
    for result in node.types.indices { isWritten.insert(Value(node: index, result: result)) }
    // Only nodes that stay can be waited for.
    let joined = roles.joined[index] ?? JoinedDot(dot: index)
    let controls = joined.controls(entry.graph).filter { roles[$0] == .memory }
    for control in controls { write(Value(node: control)) }
    if let operation = fused(node) { return write(node, index, as: operation) }
    let product = entry.graph.nodes[joined.dot]
    guard let dot = product.operation as? Dot, let left = roles.view(product.operands[0]),
      let right = roles.view(product.operands[1])
    else {
      node.operands.forEach { write($0) }
      return rewriter.copy(index)
    }
    let operands = [left.base, right.base] + joined.operands
    operands.forEach { write($0) }
    var contraction = node
    contraction.operation = Contraction(
      dot: dot, left: left.view, right: right.view, epilogue: joined.steps)
    contraction.operands = operands
    contraction.controls = controls
    rewriter.append(rewriter.mapped(contraction), for: index)
  }

  /// A composite that has a region of its own; nil for other operations.
  private func fused(_ node: Node) -> Region? {
    let types = entry.graph.types(of: node.operands)
    let views = node.operands.compactMap { roles.view($0)?.view }
    guard views.count == types.count else { return nil }
    return FusedComposite(node.operation, operands: types)?
      .region(types, views, node.types, pairedElements)
  }

  private mutating func write(_ node: Node, _ index: Int, as region: Region) {
    let operands = node.operands.map { roles.view($0)?.base ?? $0 }
    operands.forEach { write($0) }
    var copy = node
    copy.operation = region
    copy.operands = operands
    rewriter.append(rewriter.mapped(copy), for: index)
  }

  private mutating func write(cluster index: Int) {
    let cluster = clusters.all[index]
    let outputs = cluster.members.sorted().filter {
      clusters.owners[$0].first == index && clusters.isOutput($0)
    }.map { Value(node: $0) }
    isWritten.formUnion(outputs)
    let (region, operands) = region(of: cluster, outputs)
    operands.forEach { write($0) }
    // Only nodes that stay can be waited for.
    let controls = Set(cluster.members.flatMap { entry.graph.nodes[$0].controls })
      .filter { roles[$0] == .memory }.sorted()
    for control in controls { write(Value(node: control)) }
    let last = entry.graph.nodes[cluster.members.max() ?? 0]
    let node = Node(
      region, operands, controls: controls, types: region.resultTypes, origin: last.origin)
    let new = rewriter.target.append(rewriter.mapped(node))
    for (result, output) in outputs.enumerated() {
      rewriter[output] = Value(node: new, result: result)
    }
  }

  private func region(of cluster: Cluster, _ outputs: [Value]) -> (Region, [Value]) {
    let (graph, members) = (entry.graph, cluster.members)
    switch cluster.space {
    case .map(let shape, let columns):
      return MapRegion(
        graph: graph, roles: roles, members: members, shape: shape, columns: columns,
        outputs: outputs
      ).written()
    case .reduce(let shape, let dimensions):
      return ReduceRegion(
        graph: graph, roles: roles, members: members, shape: shape, dimensions: dimensions,
        outputs: outputs
      ).written()
    case .placement:
      return PlacementRegion(graph: graph, roles: roles, member: members[0]).written()
    }
  }
}
