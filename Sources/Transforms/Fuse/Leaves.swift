import DeepEPTensors

/// For each node the large values in memory from which it is computed element by element.
struct Leaves {
  private var leaves: [Set<Int>] = []
  private let graph: Graph
  private let roles: Roles

  init(_ graph: Graph, _ roles: Roles) {
    self.graph = graph
    self.roles = roles
    for (index, node) in graph.nodes.enumerated() {
      switch roles[index] {
      case .scalar where !node.findsByIndex:
        let size = node.types[0].elementCount
        let all = node.operands.reduce(into: Set<Int>()) { $0.formUnion(large($1.node, size)) }
        leaves.append(all.count > 1 ? [index] : all)
      case .movement: leaves.append(node.operands.first.map { leaves[$0.node] } ?? [])
      default: leaves.append([index])
      }
    }
  }

  private func large(_ node: Int, _ size: Int) -> Set<Int> {
    leaves[node].filter { 2 * graph.nodes[$0].types[0].elementCount >= size }
  }

  /// The one large value that a node's elements are made of; nil if there are several or none.
  func source(of node: Int) -> Int? { leaves[node].count == 1 ? leaves[node].first : nil }

  /// Whether computing a node again costs no more memory traffic than reading it.
  func isCheap(_ node: Int) -> Bool {
    guard roles[node] == .scalar else { return false }
    return !graph.nodes[node].findsByIndex && !(graph.nodes[node].operation is Random)
      && leaves[node] != [node]
  }
}
