import DeepEPElements
import DeepEPTensors

/// A contraction whose result is much larger than what it is made of, and all that is computed from
/// its rows, each by itself.
struct Logits {
  /// The contraction.
  let node: Int
  /// Which operand has the rows.
  let rowOperand: Int
  /// The sizes of the row dimensions, which come first, and of the last one.
  let rows: [Int]
  let columns: Int
  /// The nodes that compute with single rows, the contraction among them.
  let members: Set<Int>
  /// Members with one element a row that others read.
  let rowExits: [Int]
  /// Contractions that read a member.
  let dots: [DotExit]
  /// The rows of each chunk.
  let chunks: [Range<Int>]

  /// A contraction with a member as one operand.
  struct DotExit {
    let node: Int
    let operand: Int
    /// Whether the result has the rows; otherwise it is a sum over them.
    let keepsRows: Bool
  }

  /// Finds the logits of an entry; nil if it has none that can be cut.
  init?(_ entry: Entry, rowCount: Int?) {
    // Candidates have few different shapes.
    var slices: [[Int]: RowSlices] = [:]
    for node in entry.graph.nodes.indices {
      guard let found = Logits(entry, node: node, rowCount, &slices) else { continue }
      self = found
      return
    }
    return nil
  }

  private init?(_ entry: Entry, node: Int, _ rowCount: Int?, _ slices: inout [[Int]: RowSlices]) {
    let graph = entry.graph
    guard let dot = graph.nodes[node].operation as? Dot,
      let operand = Self.rowOperand(dot)
    else { return nil }
    let shape = graph.nodes[node].types[0].shape
    let depth = graph.type(of: graph.nodes[node].operands[operand]).shape.last ?? 1
    (self.node, rowOperand) = (node, operand)
    (rows, columns) = (Array(shape.dropLast()), shape.last ?? 1)
    guard columns > 4 * depth else { return nil }
    let fitting = Self.rowCount(depth: depth, graph.nodes[node].types[0].element)
    chunks = Self.chunks(rows.reduce(1, *), of: rowCount ?? fitting)
    guard chunks.count > 1 else { return nil }
    let known = slices[shape] ?? RowSlices(graph, shape)
    slices[shape] = known
    var search = Search(graph, node, known)
    guard search.finds(entry.roots) else { return nil }
    (members, rowExits, dots) = (search.members, search.rowExits.sorted(), search.dots)
  }

  /// The rows of a chunk: enough to multiply well, and so few that the chunk takes a quarter of what the
  /// table does in float32.
  private static func rowCount(depth: Int, _ element: ElementType) -> Int {
    max(128, depth / element.byteCount)
  }

  /// Chunks of at most a number of rows, all but the last one alike; large ones are whole vectors.
  private static func chunks(_ rows: Int, of most: Int) -> [Range<Int>] {
    let count = (rows + most - 1) / most
    let even = (rows + max(count, 1) - 1) / max(count, 1)
    let size = most < 64 ? even : min(most, (even + 15) / 16 * 16)
    return stride(from: 0, to: rows, by: max(size, 1)).map { $0..<min($0 + size, rows) }
  }

  /// The operand `[rows..., depth]` of a product `[rows..., columns]` with a table.
  private static func rowOperand(_ dot: Dot) -> Int? {
    let pairs = [(0, dot.left, dot.right), (1, dot.right, dot.left)]
    return pairs.first { _, own, other in
      guard let depth = own.last, let column = dot.result.last, own.count > 1 else { return false }
      return Array(own.dropLast()) == Array(dot.result.dropLast()) && Set(other) == [depth, column]
        && other.count == 2 && depth != column
    }?.0
  }
}

/// Follows what is computed from logits.
private struct Search {
  let graph: Graph
  let node: Int
  let slices: RowSlices
  private(set) var members: Set<Int>
  private(set) var rowExits: Set<Int> = []
  private(set) var dots: [Logits.DotExit] = []

  init(_ graph: Graph, _ node: Int, _ slices: RowSlices) {
    (self.graph, self.node, self.slices) = (graph, node, slices)
    members = [node]
  }

  private var shape: [Int] { slices.shape }
  private var rows: [Int] { slices.rows }
  private func shape(_ node: Int) -> [Int] { graph.nodes[node].types[0].shape }

  /// Whether everything that is made of the logits can be cut.
  mutating func finds(_ roots: [Value]) -> Bool {
    for index in graph.nodes.indices.dropFirst(node + 1) {
      let node = graph.nodes[index]
      guard members.isDisjoint(with: node.controls) else { return false }
      let used = node.operands.indices.filter { members.contains(node.operands[$0].node) }
      guard !used.isEmpty else { continue }
      if isRowwise(node) {
        guard node.operands.allSatisfy({ canSlice($0.node) }) else { return false }
        members.insert(index)
      } else if !leaves(node, index, used) {
        return false
      }
    }
    for root in roots where members.contains(root.node) {
      guard shape(root.node) == rows else { return false }
      rowExits.insert(root.node)
    }
    return !rowExits.isEmpty || !dots.isEmpty
  }

  private func canSlice(_ node: Int) -> Bool { members.contains(node) || slices[node] }

  /// Whether a node computes each row by itself.
  private func isRowwise(_ node: Node) -> Bool {
    let result = node.types[0].shape
    switch node.operation {
    case is Unary, is Binary, is Compare, is Select, is Convert:
      return result == shape || result == rows
    case let reduce as Reduce:
      return shape(node.operands[0].node) == shape && reduce.dimensions == [shape.count - 1]
    case let broadcast as Broadcast:
      return result == shape && broadcast.dimensions == Array(rows.indices)
        && shape(node.operands[0].node) == rows
    default: return false
    }
  }

  /// Notes a node that uses members and is none; false if it needs all rows at once.
  private mutating func leaves(_ node: Node, _ index: Int, _ used: [Int]) -> Bool {
    let full = used.filter { shape(node.operands[$0].node) == shape }
    for operand in used where shape(node.operands[operand].node) == rows {
      rowExits.insert(node.operands[operand].node)
    }
    guard let operand = full.first else { return true }
    guard full.count == 1, let dot = node.operation as? Dot else { return false }
    let (own, other) = operand == 0 ? (dot.left, dot.right) : (dot.right, dot.left)
    let labels = Array(own.dropLast())
    let keepsRows = dot.result.starts(with: labels) && Set(other).isDisjoint(with: labels)
    let sumsRows = Set(dot.result).isDisjoint(with: labels) && other.starts(with: labels)
    guard keepsRows || sumsRows, !used.contains(1 - operand) else { return false }
    dots.append(Logits.DotExit(node: index, operand: operand, keepsRows: keepsRows))
    return true
  }
}
