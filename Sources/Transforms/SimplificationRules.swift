import DeepEPElements
import DeepEPTensors

/// The local rules of ``Simplify``: what a node becomes, given the nodes before it.
struct SimplificationRules {
  /// What becomes of a node.
  enum Outcome {
    /// It is the same as a value that exists.
    case value(Value)
    /// It is written as the last of these nodes.
    case nodes([Node])
  }

  let graph: Graph
  /// Whether a value has one use, so that its node disappears with it.
  let isUsedOnce: (Value) -> Bool

  func outcome(for node: Node) throws -> Outcome {
    if let value = replacement(for: node) { return .value(value) }
    if let nodes = try joinedPads(node) ?? movedBeforeWidening(node) { return .nodes(nodes) }
    guard let (operation, operands) = rewritten(node) else { return .nodes([node]) }
    var node = node
    node.operation = operation
    node.operands = operands
    return .nodes([node])
  }

  private func operation(_ value: Value) -> any Operation { graph.nodes[value.node].operation }
  private func operands(_ value: Value) -> [Value] { graph.nodes[value.node].operands }
  private func splat(_ value: Value) -> Double? { (operation(value) as? Constant)?.splat }

  // MARK: Nodes that are one of their operands

  private func replacement(for node: Node) -> Value? {
    guard let first = node.operands.first else { return nil }
    if isMovement(node.operation), node.types[0] == graph.type(of: first), isIdentity(node) {
      return first
    }
    switch node.operation {
    case let unary as Unary where unary.function == .negate:
      guard let inner = operation(first) as? Unary, inner.function == .negate else { return nil }
      return operands(first)[0]
    case let binary as Binary: return neutral(binary.function, first, node.operands[1])
    case is Convert: return widened(first, to: graph.type(of: first).element, from: node.types[0])
    default: return nil
    }
  }

  private func isMovement(_ operation: any Operation) -> Bool {
    operation is Reshape || operation is Broadcast || operation is Slice || operation is Pad
      || operation is Convert || operation is Transpose
  }

  /// Whether a movement whose result has its operand's type moves nothing.
  private func isIdentity(_ node: Node) -> Bool {
    guard let transpose = node.operation as? Transpose else { return true }
    return transpose.permutation == Array(transpose.permutation.indices)
  }

  /// What a value was before it was widened without loss, if it was of a type.
  private func widened(_ value: Value, to wide: ElementType, from type: Type) -> Value? {
    guard operation(value) is Convert, wide.holdsAll(of: type.element),
      let source = operands(value).first, graph.type(of: source) == type
    else { return nil }
    return source
  }

  private func neutral(_ function: BinaryFunction, _ x: Value, _ y: Value) -> Value? {
    switch function {
    case .add: splat(y) == 0 ? x : splat(x) == 0 ? y : nil
    case .subtract: splat(y) == 0 ? x : nil
    case .multiply: splat(y) == 1 ? x : splat(x) == 1 ? y : nil
    case .divide: splat(y) == 1 ? x : nil
    default: nil
    }
  }

  // MARK: Nodes that another operation does better

  private func rewritten(_ node: Node) -> ((any Operation), [Value])? {
    if let constant = folded(node) { return (constant, []) }
    switch node.operation {
    case let reshape as Reshape where operation(node.operands[0]) is Reshape:
      return (reshape, operands(node.operands[0]))
    case let transpose as Transpose: return rewritten(transpose, node.operands[0])
    case let dot as Dot: return rewritten(dot, node.operands)
    case let binary as Binary where binary.function == .add:
      return scattered(node.operands[0], node.operands[1])
        ?? scattered(node.operands[1], node.operands[0])
    case let concatenate as Concatenate: return flattened(concatenate, node.operands)
    default: return nil
    }
  }

  /// Arithmetic on constants whose elements are alike.
  private func folded(_ node: Node) -> Constant? {
    let numbers = node.operands.compactMap(splat)
    guard !numbers.isEmpty, numbers.count == node.operands.count else { return nil }
    let element = graph.type(of: node.operands[0]).element
    let scalars = numbers.map(element.scalar)
    let result: Double? =
      switch node.operation {
      // Doubles do not hold all 64-bit integers.
      case is Unary where !element.isFloatingPoint, is Binary where !element.isFloatingPoint: nil
      case let unary as Unary: unary.function.evaluate(scalars[0], element).double
      case let binary as Binary: binary.function.evaluate(scalars[0], scalars[1], element).double
      case is Reshape, is Broadcast, is Transpose, is Slice: numbers[0]
      case let convert as Convert: convert.element.converted(scalars[0], from: element).double
      default: nil
      }
    return result.map { Constant(type: node.types[0], numbers: [$0]) }
  }

  private func rewritten(_ transpose: Transpose, _ operand: Value) -> ((any Operation), [Value])? {
    if let inner = operation(operand) as? Transpose {
      let permutation = transpose.permutation.map { inner.permutation[$0] }
      return (Transpose(permutation: permutation), operands(operand))
    }
    guard var dot = operation(operand) as? Dot, isUsedOnce(operand) else { return nil }
    dot.result = transpose.permutation.map { dot.result[$0] }
    return (dot, operands(operand))
  }

  private func rewritten(_ dot: Dot, _ operands: [Value]) -> ((any Operation), [Value])? {
    var (dot, values) = (dot, operands)
    if let left = operation(values[0]) as? Transpose {
      dot.left = left.inverse.map { dot.left[$0] }
      values[0] = self.operands(values[0])[0]
    }
    if let right = operation(values[1]) as? Transpose {
      dot.right = right.inverse.map { dot.right[$0] }
      values[1] = self.operands(values[1])[0]
    }
    return values == operands ? nil : (dot, values)
  }

  /// Adding to a table that rows of zeros were scattered into is scattering into that table.
  private func scattered(_ table: Value, _ sum: Value) -> ((any Operation), [Value])? {
    guard operation(sum) is ScatterAdd, isUsedOnce(sum), splat(operands(sum)[0]) == 0 else {
      return nil
    }
    return (ScatterAdd(), [table] + operands(sum).dropFirst())
  }

  private func flattened(
    _ concatenate: Concatenate, _ values: [Value]
  ) -> ((any Operation), [Value])? {
    let parts = values.flatMap { value in
      operation(value) as? Concatenate == concatenate && isUsedOnce(value)
        ? operands(value) : [value]
    }
    return parts.count == values.count ? nil : (concatenate, parts)
  }

  /// The sum of two boxes that lie side by side in zeros is one longer box.
  private func joinedPads(_ node: Node) throws -> [Node]? {
    guard let binary = node.operation as? Binary, binary.function == .add else { return nil }
    let pair = node.operands.sorted { starts($0).lexicographicallyPrecedes(starts($1)) }
    guard let first = operation(pair[0]) as? Pad, let second = operation(pair[1]) as? Pad else {
      return nil
    }
    let (x, y) = (operands(pair[0])[0], operands(pair[1])[0])
    let (sizes, others) = (graph.type(of: x).shape, graph.type(of: y).shape)
    let different = first.starts.indices.filter { first.starts[$0] != second.starts[$0] }
    guard different.count == 1, let dimension = different.first,
      second.starts[dimension] == first.starts[dimension] + sizes[dimension],
      sizes.indices.allSatisfy({ $0 == dimension || sizes[$0] == others[$0] })
    else { return nil }
    let concatenate = Concatenate(dimension: dimension)
    let types = try concatenate.resultTypes(of: [graph.type(of: x), graph.type(of: y)])
    let joined = Node(concatenate, [x, y], types: types, origin: node.origin)
    let pad = Pad(starts: first.starts, shape: first.shape)
    let place = Value(node: graph.nodes.count)
    return [joined, Node(pad, [place], types: node.types, origin: node.origin)]
  }

  private func starts(_ value: Value) -> [Int] { (operation(value) as? Pad)?.starts ?? [] }

  // MARK: Conversions

  /// Elements are moved before they are widened: so they cross memory in fewer bytes, and a contraction
  /// that reads them narrow again finds them.
  private func movedBeforeWidening(_ node: Node) throws -> [Node]? {
    let sources = node.operands.compactMap(narrowSource)
    guard movesAlone(node.operation), !sources.isEmpty, sources.count == node.operands.count,
      Set(sources.map { graph.type(of: $0).element }).count == 1
    else { return nil }
    let types = try node.operation.resultTypes(of: graph.types(of: sources))
    var moved = Node(node.operation, sources, types: types, origin: node.origin)
    moved.controls = node.controls
    let convert = Convert(element: node.types[0].element)
    let place = Value(node: graph.nodes.count)
    return [moved, Node(convert, [place], types: node.types, origin: node.origin)]
  }

  /// What was widened to a value without loss.
  private func narrowSource(_ value: Value) -> Value? {
    guard operation(value) is Convert, let source = operands(value).first,
      graph.type(of: source).element != graph.type(of: value).element
    else { return nil }
    return widened(value, to: graph.type(of: value).element, from: graph.type(of: source))
  }

  private func movesAlone(_ operation: any Operation) -> Bool {
    operation is Reshape || operation is Transpose || operation is Slice
      || operation is Concatenate
  }
}
