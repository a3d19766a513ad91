import DeepEPElements
import DeepEPTensors

/// Defines the transform that computes contractions, and what flows between them, in a narrow element
/// type (Micikevicius et al.: Mixed Precision Training, 2018).
///
/// The operands of a `dot` and of attention are rounded, products are summed in the wide type, and the
/// sum is rounded once, with its bias if it is handed on with that; a gradient by a weight is not rounded at all. A value that is rounded for a contraction is
/// kept in that form alone: whatever else uses it reads the rounded value, so that it crosses memory in
/// half the bytes. Everything else, and so reductions, norms, softmax, losses and the update, stays in
/// the wide type, as do slots: a weight is rounded once in an entry, however often it is used.
///
/// Needs a program without composites other than attention; leaves slots, inputs and the types of results as they are.
package struct MixedPrecision: Transform {
  package let name = TransformName.precision
  private let narrow: ElementType
  private let wide: ElementType

  /// Computes what is `wide` in a narrow type that it holds.
  package init(_ narrow: ElementType, in wide: ElementType = .float32) {
    self.narrow = narrow
    self.wide = wide
  }

  package func apply(_ program: Program) throws -> Program {
    guard narrow != wide else { return program }
    return try program.mapEntriesConcurrently { entry in
      var writer = NarrowWriter(entry, narrow, wide)
      return try writer.written()
    }
  }
}

/// Writes one entry with narrow contractions.
private struct NarrowWriter {
  private let entry: Entry
  private let narrow: ElementType
  private let wide: ElementType
  private var rewriter: GraphRewriter
  /// Values of the source that are rounded where they are made.
  private var isRounded: Set<Value> = []
  /// What values of the source are in the narrow type.
  private var copies: [Value: Value] = [:]
  private let users: [[Int]]

  init(_ entry: Entry, _ narrow: ElementType, _ wide: ElementType) {
    (self.entry, self.narrow, self.wide) = (entry, narrow, wide)
    rewriter = GraphRewriter(entry.graph)
    users = entry.graph.users
    for node in entry.graph.nodes where isContraction(node) {
      for operand in roundedOperands(node) {
        let origin = moved(node.operands[operand])
        if !isShared(origin) { isRounded.insert(origin) }
      }
    }
  }

  mutating func written() throws -> Entry {
    for (index, node) in entry.graph.nodes.enumerated() {
      if isContraction(node) {
        try writeContraction(index)
      } else {
        rewriter.copy(index)
        for result in node.types.indices { round(Value(node: index, result: result)) }
      }
    }
    return rewriter.finish(entry).pruned()
  }

  private func isContraction(_ node: Node) -> Bool {
    let contracts =
      node.operation is Dot || node.operation is Attention || node.operation is AttentionGradient
    return contracts && node.origin.phase != .update
      && node.operands.allSatisfy {
        let element = entry.graph.type(of: $0).element
        return element == wide || (!(node.operation is Dot) && element.isInteger)
      }
  }

  /// The operands that a contraction multiplies; a log-sum-exp has the type of sums.
  private func roundedOperands(_ node: Node) -> [Int] {
    node.operands.indices.filter {
      entry.graph.type(of: node.operands[$0]).element == wide
        && !(node.operation is AttentionGradient && $0 == 4 && narrow.sum == wide)
    }
  }

  /// Whether others need the value as it is: what is stored or passed in is not changed.
  private func isShared(_ value: Value) -> Bool {
    switch entry.graph.nodes[value.node].operation {
    case is Read, is Input, is Constant, is Iota: true
    default: isContraction(entry.graph.nodes[value.node])
    }
  }

  /// The value whose elements another one shows in other places.
  private func moved(_ value: Value) -> Value {
    let node = entry.graph.nodes[value.node]
    return isMovement(node.operation) ? moved(node.operands[0]) : value
  }

  private func isMovement(_ operation: any Operation) -> Bool {
    operation is Reshape || operation is Transpose || operation is Slice || operation is Broadcast
      || operation is Named
  }

  // MARK: Writing

  private mutating func writeContraction(_ index: Int) throws {
    var new = rewriter.mapped(entry.graph.nodes[index])
    let node = entry.graph.nodes[index]
    for operand in roundedOperands(node) {
      new.operands[operand] = narrowed(node.operands[operand])
    }
    let types = rewriter.target.types(of: new.operands)
    new.operation = contraction(node, types, isRoundedLater: isRoundedWithBias(index))
    new.types = try new.operation.resultTypes(of: types)
    let written = rewriter.append(new, for: index)
    for (result, type) in new.types.enumerated() where type.element == narrow {
      keep(
        Value(node: written, result: result), for: Value(node: index, result: result), node.origin)
    }
  }

  /// Whether the only use of a contraction's sums is a bias, added to each column, whose sum is rounded.
  private func isRoundedWithBias(_ node: Int) -> Bool {
    guard entry.graph.nodes[node].operation is Dot, users[node].count == 1,
      let user = users[node].first, let binary = entry.graph.nodes[user].operation as? Binary,
      !entry.roots.contains(where: { $0.node == node })
    else { return false }
    let isBias = entry.graph.nodes[user].operands.contains {
      entry.graph.nodes[$0.node].operation is Broadcast
    }
    return binary.function == .add && isBias && isRounded.contains(Value(node: user))
  }

  /// A contraction for narrow operands: a gradient by a weight keeps its sum as it is.
  private func contraction(
    _ node: Node, _ operands: [Type], isRoundedLater: Bool
  ) -> any Operation {
    if var dot = node.operation as? Dot {
      dot.element = isRoundedLater || node.origin.phase == .weightGradient ? wide : nil
      return dot
    }
    // Sums of a long sequence must have the memory of the results.
    if var gradient = node.operation as? AttentionGradient {
      gradient.element = FusedComposite.isFused(gradient, operands) ? nil : wide
      return gradient
    }
    return node.operation
  }

  /// Rounds a value, for all of its users.
  private mutating func round(_ value: Value) {
    guard isRounded.contains(value) else { return }
    let origin = entry.graph.nodes[value.node].origin
    keep(converted(rewriter[value], to: narrow, origin), for: value, origin)
  }

  /// Lets a narrow value of the target stand for one of the source.
  private mutating func keep(_ copy: Value, for value: Value, _ origin: Origin) {
    copies[value] = copy
    rewriter[value] = converted(copy, to: wide, origin)
  }

  /// A value of the source in the narrow type.
  private mutating func narrowed(_ value: Value) -> Value {
    if let known = copies[value] { return known }
    let node = entry.graph.nodes[value.node]
    let copy: Value
    if isMovement(node.operation) {
      var moved = rewriter.mapped(node)
      moved.operands = [narrowed(node.operands[0])]
      moved.types = node.types.map { $0.with(element: narrow) }
      copy = Value(node: rewriter.target.append(moved))
    } else {
      copy = converted(rewriter[value], to: narrow, node.origin)
    }
    copies[value] = copy
    return copy
  }

  private mutating func converted(
    _ value: Value, to element: ElementType, _ origin: Origin
  ) -> Value {
    let type = rewriter.target.type(of: value).with(element: element)
    let node = Node(Convert(element: element), [value], types: [type], origin: origin)
    return Value(node: rewriter.target.append(node))
  }
}
