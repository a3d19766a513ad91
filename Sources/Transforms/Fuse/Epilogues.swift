import DeepEPElements
import DeepEPTensors

/// A `dot` with what is done with its sums before they reach memory.
struct JoinedDot {
  /// The node of the `dot`.
  let dot: Int
  /// The nodes that become steps, in order; the last one's value is the result.
  fileprivate(set) var nodes: [Int] = []
  /// What is done with each sum.
  fileprivate(set) var steps: [EpilogueStep] = []
  /// What the steps read.
  fileprivate(set) var operands: [Value] = []

  /// What the contraction must wait for besides its operands.
  func controls(_ graph: Graph) -> [Int] {
    let all = [dot] + nodes
    return Set(all.flatMap { graph.nodes[$0].controls }).subtracting(all).sorted()
  }
}

/// Finds what contractions do with their sums, so that these cross memory once.
///
/// A sum of two contractions, or of one and what a slot holds, is made by the later one, where the
/// other lies. A bias or a scale, one number for each column, is combined with each sum, and the result
/// rounded, where somebody needs it in memory; where regions alone use it, they do that while they
/// read the product, which costs no pass either. A residual of the result's size stays with the region
/// that reads the product: oneDNN reads such an operand more slowly than the pass that it would save
/// (4096 × 384 float32 on a server's two cores: 0.44 ms against 0.1).
struct Epilogues {
  private let graph: Graph
  private let users: [[Int]]
  private let isRoot: [Bool]
  /// The joined contractions by the node that yields their result.
  private(set) var all: [Int: JoinedDot] = [:]

  init(_ entry: Entry) {
    graph = entry.graph
    users = entry.graph.operandUsers
    var isRoot = Array(repeating: false, count: entry.graph.nodes.count)
    for root in entry.roots { isRoot[root.node] = true }
    self.isRoot = isRoot
    for index in graph.nodes.indices { joinSum(index) }
    for index in graph.nodes.indices where graph.nodes[index].operation is Dot { joinSteps(index) }
  }

  /// The only node that uses a value, once; nil if there are others, or results.
  private func onlyUser(of node: Int) -> Int? {
    guard !isRoot[node], users[node].count == 1, let user = users[node].first,
      graph.nodes[user].operands.count(where: { $0.node == node }) == 1
    else { return nil }
    return user
  }

  private func canContinue(_ type: Type) -> Bool {
    [.float32, .float64].contains(type.element) && !type.isBounded && type.elementCount > 0
  }

  // MARK: Sums

  private mutating func joinSum(_ index: Int) {
    let node = graph.nodes[index]
    guard let binary = node.operation as? Binary, binary.function == .add,
      canContinue(node.types[0]),
      let dot = node.operands.map(\.node).filter({ graph.nodes[$0].operation is Dot }).max(),
      onlyUser(of: dot) == index,
      let other = node.operands.first(where: { $0.node != dot })
    else { return }
    let isSum =
      all[other.node] != nil && other.node < dot || graph.nodes[other.node].operation is Dot
    let isSlot = graph.nodes[other.node].operation is Read && users[index].isEmpty
    guard isSum && onlyUser(of: other.node) == index || isSlot else { return }
    all[index] = JoinedDot(dot: dot, nodes: [index], steps: [.accumulate], operands: [other])
  }

  // MARK: Biases, scales and rounding

  private mutating func joinSteps(_ dot: Int) {
    let isAddend = onlyUser(of: dot).map { all[$0] != nil } ?? true
    guard !isAddend, canContinue(graph.nodes[dot].types[0]) else { return }
    var joined = JoinedDot(dot: dot)
    while joined.steps.count < 3, let (user, step, operand) = columnStep(after: joined) {
      joined.nodes.append(user)
      joined.steps.append(step)
      joined.operands.append(operand)
    }
    guard let last = joined.nodes.last else { return }
    if let rounding = onlyUser(of: last), let convert = graph.nodes[rounding].operation as? Convert,
      [.bfloat16, .float16].contains(convert.element),
      graph.nodes[last].types[0].element == .float32
    {
      joined.nodes.append(rounding)
      joined.steps.append(.convert(convert.element))
    }
    guard let result = joined.nodes.last, isNeededInMemory(result) else { return }
    all[result] = joined
  }

  /// The next node that combines each sum with a number of its column.
  private func columnStep(
    after joined: JoinedDot
  ) -> (user: Int, step: EpilogueStep, operand: Value)? {
    let value = joined.nodes.last ?? joined.dot
    guard let user = onlyUser(of: value), let binary = graph.nodes[user].operation as? Binary,
      let other = graph.nodes[user].operands.first(where: { $0.node != value }),
      let broadcast = graph.nodes[other.node].operation as? Broadcast,
      isColumn(broadcast.dimensions, of: joined.dot)
    else { return nil }
    let operand = graph.nodes[other.node].operands[0]
    let shape = broadcast.dimensions.map { broadcast.shape[$0] }
    guard graph.type(of: operand).shape == shape else { return nil }
    switch binary.function {
    case .add: return (user, .add(along: broadcast.dimensions), operand)
    case .multiply: return (user, .multiply(along: broadcast.dimensions), operand)
    default: return nil
    }
  }

  /// Whether dimensions of a contraction's result are all those that one operand alone has, and the
  /// last ones: then a matrix library has a column for each element.
  private func isColumn(_ dimensions: [Int], of node: Int) -> Bool {
    guard let dot = graph.nodes[node].operation as? Dot, !dimensions.isEmpty,
      dimensions == Array(dot.result.indices.suffix(dimensions.count))
    else { return false }
    let columns = Set(dimensions.map { dot.result[$0] })
    let (left, right) = (Set(dot.left), Set(dot.right))
    return columns == left.subtracting(right) || columns == right.subtracting(left)
  }

  /// Whether somebody needs a value in memory, as it is or moved.
  private func isNeededInMemory(_ node: Int) -> Bool {
    isRoot[node]
      || users[node].contains { user in
        switch graph.nodes[user].operation {
        case is Broadcast: false
        case is Reshape, is Transpose, is Slice: isNeededInMemory(user)
        default: Roles.role(of: graph.nodes[user]) == .memory
        }
      }
  }
}

extension Graph {
  /// For each node those that have it as an operand.
  fileprivate var operandUsers: [[Int]] {
    var users = [[Int]](repeating: [], count: nodes.count)
    for (index, node) in nodes.enumerated() {
      for operand in Set(node.operands.map(\.node)) { users[operand].append(index) }
    }
    return users
  }
}
