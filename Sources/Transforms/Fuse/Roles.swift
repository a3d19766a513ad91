import DeepEPElements
import DeepEPTensors

/// What fusion makes of a node.
enum Role {
  /// Its results are in memory: inputs, slots, contractions, kernels.
  case memory
  /// It only moves elements: users find them by an index, and nothing is computed.
  case movement
  /// It moves elements, and somebody needs the result in memory.
  case copy
  /// One element of the result from one of each operand, which may be found by an index.
  case scalar
  /// Combines elements along dimensions.
  case reduction
  /// Puts operands at places of a result: concatenate, pad, scatter, update of a box.
  case placement
}

/// The roles of all nodes of a graph.
struct Roles {
  let graph: Graph
  private var roles: [Role]
  /// For each sum that a contraction makes, the `dot` that it is.
  private(set) var addingDots: [Int: Int] = [:]

  subscript(node: Int) -> Role { roles[node] }

  init(_ entry: Entry) {
    graph = entry.graph
    roles = entry.graph.nodes.map(Roles.role)
    let users = graph.operandUsers
    for index in graph.nodes.indices { joinSum(index, users, entry) }
    for node in graph.nodes { requireMemory(node) }
    for root in entry.roots where movementBase(root) == nil { require(root) }
  }

  private static func role(of node: Node) -> Role {
    switch node.operation {
    case is DynamicSlice where node.types[0].element.isTinyFloat,
      is DynamicUpdateSlice where node.types[0].element.isTinyFloat:
      // Regions have no numbers of eight bits yet.
      .memory
    case let constant as Constant: constant.splat == nil ? .memory : .movement
    case is Iota, is Broadcast, is Reshape, is Transpose, is Slice: .movement
    case is Unary, is Binary, is Compare, is Select, is Convert, is Random, is Gather,
      is DynamicSlice:
      .scalar
    case is Reduce: .reduction
    case is Concatenate, is Pad, is ScatterAdd, is DynamicUpdateSlice: .placement
    default: .memory
    }
  }

  /// A sum of two contractions, or of one and what a slot holds, is made by the later one, if nobody
  /// else needs its product.
  private mutating func joinSum(_ index: Int, _ users: [[Int]], _ entry: Entry) {
    let node = graph.nodes[index]
    guard let binary = node.operation as? Binary, binary.function == .add,
      [.float32, .float64].contains(node.types[0].element),
      let dot = node.operands.map(\.node).max(), graph.nodes[dot].operation is Dot,
      graph.type(of: graph.nodes[dot].operands[0]).element == node.types[0].element,
      users[dot] == [index], !entry.roots.contains(where: { $0.node == dot }),
      let other = node.operands.first(where: { $0.node != dot })
    else { return }
    let isSum = graph.nodes[other.node].operation is Dot || addingDots[other.node] != nil
    let isSlot = graph.nodes[other.node].operation is Read && users[index].isEmpty
    guard isSum && users[other.node] == [index] || isSlot else { return }
    addingDots[index] = dot
    roles[index] = .memory
  }

  private mutating func require(_ value: Value) {
    if roles[value.node] == .movement { roles[value.node] = .copy }
  }

  /// Marks the operands that must be in memory for a node to use them.
  private mutating func requireMemory(_ node: Node) {
    switch node.operation {
    case let reshape as Reshape:
      let shape = graph.type(of: node.operands[0]).shape
      let probe = reshape.shape.map { _ in Affine() }
      if reshape.operandIndex(probe, from: shape) == nil { require(node.operands[0]) }
    case is Gather, is DynamicSlice:
      if movementBase(node.operands[0]) == nil { require(node.operands[0]) }
    case is any Composite where fused(node) != nil:
      for operand in node.operands where view(operand).map(isReadable) != true { require(operand) }
    case is Dot: for operand in node.operands where view(operand) == nil { require(operand) }
    default:
      guard Roles.role(of: node) == .memory else { return }
      for operand in node.operands where movementBase(operand) == nil { require(operand) }
    }
  }

  private func fused(_ node: Node) -> FusedComposite? {
    FusedComposite(node.operation, operands: graph.types(of: node.operands))
  }

  private func isReadable(_ base: Value, _ view: View) -> Bool { FusedComposite.reads(view) }

  /// The value in memory that a chain of reshapes shows whole; nil if other movement is in between.
  func movementBase(_ value: Value) -> Value? {
    guard roles[value.node] == .movement else { return value }
    guard graph.nodes[value.node].operation is Reshape else { return nil }
    return movementBase(graph.nodes[value.node].operands[0])
  }

  /// The buffer in which a value's elements lie, and how they are seen there; nil if it is none.
  func view(_ value: Value) -> (base: Value, view: View)? {
    let node = graph.nodes[value.node]
    guard roles[value.node] == .movement else {
      return (value, View(graph.type(of: value).shape))
    }
    guard let source = node.operands.first, let (base, inner) = view(source) else { return nil }
    let seen: View? =
      switch node.operation {
      case let reshape as Reshape: inner.reshaped(reshape.shape)
      case let transpose as Transpose: inner.transposed(transpose.permutation)
      case let slice as Slice: inner.sliced(slice.starts, slice.sizes)
      default: nil
      }
    return seen.map { (base, $0) }
  }
}

extension Node {
  /// Whether it finds elements of its first operand by an index: it needs all of that.
  var findsByIndex: Bool { operation is Gather || operation is DynamicSlice }
}

extension ElementType {
  fileprivate var isTinyFloat: Bool { isFloatingPoint && byteCount == 1 }
}

extension View {
  fileprivate func transposed(_ permutation: [Int]) -> View {
    View(
      offset: offset, shape: permutation.map { shape[$0] },
      strides: permutation.map { strides[$0] })
  }

  fileprivate func sliced(_ starts: [Int], _ sizes: [Int]) -> View {
    let offset = zip(starts, strides).reduce(offset) { $0 + $1.0 * $1.1 }
    return View(offset: offset, shape: sizes, strides: strides)
  }

  /// The same elements under another shape; nil if no strides show them.
  fileprivate func reshaped(_ target: [Int]) -> View? {
    if strides == rowMajorStrides(shape) {
      return View(offset: offset, shape: target, strides: rowMajorStrides(target))
    }
    var rest = strides[...]
    var result: [Int] = []
    for group in reshapeGroups(from: shape, to: target) {
      let own = rest.prefix(group.source.count)
      rest = rest.dropFirst(group.source.count)
      if group.source == group.target {
        result += own
      } else if group.source.count <= 1 {
        result += rowMajorStrides(group.target).map { $0 * (own.first ?? 1) }
      } else if !group.target.isEmpty {
        return nil
      }
    }
    return View(offset: offset, shape: target, strides: result)
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
