import DeepEPTensors

/// Defines the transform that removes work without changing results: common subexpressions, constant
/// arithmetic, neutral elements, movement that cancels or that a `dot` does by itself, dead nodes.
///
/// Needs nothing; leaves every node in use, and no two alike. Nodes with different control operands
/// are different: that is how a second gather or a recomputation survives.
package struct Simplify: Transform {
  package let name = TransformName.simplify

  package init() {}

  package func apply(_ program: Program) throws -> Program {
    try program.mapEntriesConcurrently { entry in
      var entry = entry.pruned()
      while true {
        let next = try simplified(entry)
        if next.isSame(as: entry) { return next }
        entry = next
      }
    }
  }

  private func simplified(_ entry: Entry) throws -> Entry {
    var rewriter = GraphRewriter(entry.graph)
    var known: [NodeKey: Int] = [:]
    let uses = entry.useCounts
    var targetUses: [Int: Int] = [:]
    for index in entry.graph.nodes.indices {
      let node = rewriter.mapped(entry.graph.nodes[index])
      switch try outcome(node, rewriter.target, targetUses) {
      case .value(let value): rewriter[Value(node: index)] = value
      case .nodes(let nodes):
        for extra in nodes.dropLast() { rewriter.target.append(extra) }
        guard let last = nodes.last else { continue }
        let key = NodeKey(last)
        let new = known[key] ?? rewriter.target.append(last)
        known[key] = new
        for result in last.types.indices {
          rewriter[Value(node: index, result: result)] = Value(node: new, result: result)
        }
      }
      targetUses[rewriter[Value(node: index)].node, default: 0] += uses[index]
    }
    return rewriter.finish(entry).pruned()
  }
}

extension Simplify {
  /// What becomes of a node; the graph is not kept, so that it can grow in place afterwards.
  private func outcome(
    _ node: Node, _ graph: Graph, _ uses: [Int: Int]
  ) throws -> SimplificationRules.Outcome {
    try SimplificationRules(graph: graph) { uses[$0.node] == 1 }.outcome(for: node)
  }
}

/// What makes two nodes the same.
private struct NodeKey: Hashable {
  let operation: AnyHashable
  let operands: [Value]
  let controls: [Int]

  init(_ node: Node) {
    operation = node.operation.erased
    operands = node.operands
    controls = node.controls
  }
}

extension Entry {
  /// Whether nothing was changed: the same nodes in the same order.
  fileprivate func isSame(as other: Entry) -> Bool {
    graph.nodes.count == other.graph.nodes.count && roots == other.roots
      && zip(graph.nodes, other.graph.nodes).allSatisfy { NodeKey($0) == NodeKey($1) }
  }

  /// For each node how often its results are used, as operand, result or update.
  fileprivate var useCounts: [Int] {
    var counts = [Int](repeating: 0, count: graph.nodes.count)
    for value in graph.nodes.flatMap(\.operands) + roots { counts[value.node] += 1 }
    return counts
  }
}
