import DeepEPTensors

/// Defines the transform that lets backward compute elements again which forward would have to keep in
/// memory for it (Chen et al.: Training Deep Nets with Sublinear Memory Cost, 2016).
///
/// It does so where it saves memory and costs no contraction: for element-wise values that are made of
/// one large value which backward needs anyway, such as a norm's output of its input, or an activation
/// of the contraction before it. The copies wait for a node of backward, so that none of them runs
/// early. Needs a program without composites that are not fused; leaves the same nodes and the copies.
package struct Rematerialize: Transform {
  package let name = TransformName.rematerialize

  package init() {}

  package func apply(_ program: Program) throws -> Program {
    try program.mapEntriesConcurrently { entry in
      var rewriting = Rematerialization(entry)
      return rewriting.rewritten().pruned()
    }
  }
}

/// The rewriting of one entry.
private struct Rematerialization {
  private let entry: Entry
  private let graph: Graph
  private let roles: Roles
  private let leaves: Leaves
  private var rewriter: GraphRewriter
  /// Large values that backward needs, and of which it computes others again.
  private let sources: Set<Int>
  /// What became of the nodes of forward that are computed again.
  private var copies: [Int: Value] = [:]
  /// For each node the last contraction or kernel of backward that it depends on.
  private var anchors: [Int?] = []

  init(_ entry: Entry) {
    self.entry = entry
    graph = entry.graph
    roles = Roles(entry)
    leaves = Leaves(entry.graph, roles)
    sources = Self.sources(entry.graph, roles, leaves)
    rewriter = GraphRewriter(entry.graph)
  }

  mutating func rewritten() -> Entry {
    for (index, node) in graph.nodes.enumerated() {
      let anchor = node.operands.compactMap { anchors[$0.node] }.max()
      var new = rewriter.mapped(node)
      if let anchor, node.isBackward {
        new.operands = node.operands.map { copied($0, for: node, after: anchor) }
      }
      rewriter.append(new, for: index)
      anchors.append(node.isBackward && roles[index] == .memory ? index : anchor)
    }
    return rewriter.finish(entry)
  }

  // MARK: What is worth it

  /// The values of which backward uses more than one other, or one and themselves.
  private static func sources(_ graph: Graph, _ roles: Roles, _ leaves: Leaves) -> Set<Int> {
    var uses: [Int: Set<Int>] = [:]
    for node in graph.nodes where node.isBackward {
      for operand in node.operands {
        let used = Self.base(operand.node, graph, roles)
        guard !graph.nodes[used].isBackward, let source = leaves.source(of: used) else { continue }
        uses[source, default: []].insert(used)
      }
    }
    return Set(uses.filter { $0.value.count > 1 }.keys)
  }

  /// The value whose elements a node moves; itself if it computes some.
  private static func base(_ node: Int, _ graph: Graph, _ roles: Roles) -> Int {
    guard roles[node] == .movement, let operand = graph.nodes[node].operands.first else {
      return node
    }
    return base(operand.node, graph, roles)
  }

  /// Whether backward computes a node of forward again.
  private func isRepeated(_ node: Int) -> Bool {
    guard !graph.nodes[node].isBackward else { return false }
    if roles[node] == .movement || roles[node] == .copy {
      return graph.nodes[node].operands.first.map { isRepeated($0.node) } ?? false
    }
    guard leaves.isCheap(node), let source = leaves.source(of: node) else { return false }
    return source != node && sources.contains(source)
  }

  // MARK: Copies

  private mutating func copied(_ value: Value, for user: Node, after anchor: Int) -> Value {
    guard isRepeated(value.node) else { return rewriter[value] }
    if let known = copies[value.node] { return known }
    let node = graph.nodes[value.node]
    var copy = rewriter.mapped(node)
    copy.operands = node.operands.map { copied($0, for: user, after: anchor) }
    copy.controls = Array(Set(copy.controls + [rewriter[Value(node: anchor)].node])).sorted()
    copy.origin.phase = user.origin.phase
    copy.origin.reason = "computed again, so that it need not be kept"
    let new = Value(node: rewriter.target.append(copy))
    copies[value.node] = new
    return new
  }
}

extension Node {
  fileprivate var isBackward: Bool { origin.phase != .forward }
}
