import DeepEPTensors

/// The nodes of a graph of which a chunk of rows can be had without all of them.
struct RowSlices {
  /// The shape of the values that are cut: rows, and a last dimension.
  let shape: [Int]
  private var isSliceable: [Bool] = []

  /// The dimensions of the rows.
  var rows: [Int] { Array(shape.dropLast()) }

  /// Looks at all nodes.
  init(_ graph: Graph, _ shape: [Int]) {
    self.shape = shape
    isSliceable.reserveCapacity(graph.nodes.count)
    for node in graph.nodes { isSliceable.append(canSlice(node, in: graph)) }
  }

  /// Whether a node is one of them.
  subscript(node: Int) -> Bool { isSliceable[node] }

  private func canSlice(_ node: Node, in graph: Graph) -> Bool {
    let own = node.types[0].shape
    guard !own.elementsEqual(shape.dropLast()) else { return true }
    switch node.operation {
    case let constant as Constant: return constant.splat != nil
    case let iota as Iota: return iota.dimension == shape.count - 1
    case is Unary, is Binary, is Compare, is Select, is Convert:
      return own == shape && node.operands.allSatisfy { isSliceable[$0.node] }
    case let broadcast as Broadcast:
      return broadcast.dimensions.allSatisfy { $0 >= rows.count }
        || broadcast.dimensions == Array(rows.indices)
          && graph.nodes[node.operands[0].node].types[0].shape == rows
    default: return false
    }
  }
}
