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
  /// The contractions that do more with their sums, by the node that yields their result.
  let joined: [Int: JoinedDot]

  subscript(node: Int) -> Role { roles[node] }

  /// The roles of an entry's nodes.
  ///
  /// - Parameter joinsEpilogues: Whether contractions do more with their sums.
  init(_ entry: Entry, joinsEpilogues: Bool = true) {
    graph = entry.graph
    roles = entry.graph.nodes.map(Roles.role)
    joined = joinsEpilogues ? Epilogues(entry).all : [:]
    for dot in joined.values {
      for node in dot.nodes { roles[node] = .memory }
    }
    for operand in joined.values.flatMap(\.operands) where movementBase(operand) == nil {
      require(operand)
    }
    for node in graph.nodes { requireMemory(node) }
    for root in entry.roots where movementBase(root) == nil { require(root) }
  }

  /// What a node is by itself.
  static func role(of node: Node) -> Role {
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
