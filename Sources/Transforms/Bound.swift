import DeepEPElements
import DeepEPTensors

/// Defines the transform that makes bounded dimensions fixed ones of the maximum size, and honouring
/// their extents explicit.
///
/// Before an operation combines elements along a bounded dimension, a mask replaces those beyond the
/// extent by what changes no result; all other operations compute them, and nobody looks. What must
/// hold for the extents becomes a list of checks. Needs a program in which no composite has a bounded
/// operand; leaves one without bounded dimensions.
package struct Bound: Transform {
  package let name = TransformName.bound
  private let poisons: Bool

  /// Makes the transform.
  ///
  /// - Parameter poisons: Whether elements beyond an extent are overwritten with something that is not
  ///   a number wherever they come to be, so that a result that depends on them shows it. For tests.
  package init(poisons: Bool = false) { self.poisons = poisons }

  package func apply(_ program: Program) throws -> Program {
    try program.mapEntriesConcurrently { entry in
      guard entry.isBounded else { return entry }
      var bounding = Bounding(entry, poisons: poisons)
      return try bounding.bounded()
    }
  }
}

/// The rewriting of one entry.
private struct Bounding {
  private let entry: Entry
  private let graph: Graph
  private let poisons: Bool
  private var rewriter: GraphRewriter

  init(_ entry: Entry, poisons: Bool) {
    self.entry = entry
    self.poisons = poisons
    graph = entry.graph
    rewriter = GraphRewriter(graph)
  }

  mutating func bounded() throws -> Entry {
    for (index, node) in graph.nodes.enumerated() {
      try write(node, index)
      if poisons { try poison(node, index) }
    }
    var result = entry
    result.checks += entry.extentChecks
    result = rewriter.finish(result)
    for index in result.inputs.indices {
      result.inputs[index].type = result.inputs[index].type.atMaximum
    }
    return result
  }

  private mutating func write(_ node: Node, _ index: Int) throws {
    switch node.operation {
    case is Bounded: rewriter[Value(node: index)] = rewriter[node.operands[0]]
    case let unbounded as Unbounded:
      let operand = node.operands[0]
      rewriter[Value(node: index)] = try masked(
        rewriter[operand], graph.type(of: operand), along: [unbounded.dimension],
        by: unbounded.filling, node)
    default:
      guard !(node.operation is any Composite) || !isBounded(node) else {
        throw ShapeError(
          node.operation.name, "the composite has a bounded operand; expand it before bounding")
      }
      try writeFixed(node, index)
    }
  }

  private func isBounded(_ node: Node) -> Bool {
    (graph.types(of: node.operands) + node.types).contains(where: \.isBounded)
  }

  /// Writes a node with results of the maximum size, and masks before it where it combines elements.
  private mutating func writeFixed(_ node: Node, _ index: Int) throws {
    var copy = rewriter.mapped(node)
    if isBounded(node) {
      copy.types = node.types.map(\.atMaximum)
      if node.types.contains(where: \.isBounded) {
        copy.operation = node.operation.resized(to: copy.types)
      }
      copy.operands = try maskedOperands(node)
    }
    rewriter.append(copy, for: index)
  }

  private mutating func maskedOperands(_ node: Node) throws -> [Value] {
    let types = graph.types(of: node.operands)
    let factors = node.operation.factors(
      operands: types.map(\.atMaximum), results: node.types.map(\.atMaximum))
    return try node.operands.enumerated().map { position, operand in
      let (type, operation) = (types[position], node.operation)
      let combined = operation.combinedDimensions(position, type, factors)
      return try combined.reduce(rewriter[operand]) { result, dimension in
        guard
          case .replaced(let number) = operation.elementsBeyondExtent(
            along: dimension, ofOperand: position, type)
        else { return result }
        return try masked(result, type, along: [dimension], by: number, node)
      }
    }
  }

  /// A value of the new graph with a number in place of what lies beyond the extents of its type in
  /// the old one.
  private mutating func masked(
    _ value: Value, _ type: Type, along dimensions: [Int], by number: Double, _ node: Node
  ) throws -> Value {
    try dimensions.reduce(value) { result, dimension in
      guard let extent = type.dimensions[dimension].extent else { return result }
      return try rewriter.target.masked(
        result, along: dimension, extent: rewriter[extent], identity: number, origin: node.origin,
        controls: rewriter.mapped(node).controls)
    }
  }

  private mutating func poison(_ node: Node, _ index: Int) throws {
    for (result, type) in node.types.enumerated() where type.isBounded {
      let value = Value(node: index, result: result)
      rewriter[value] = try masked(
        rewriter[value], type, along: Array(type.dimensions.indices),
        by: type.element.undefinedElement.double, node)
    }
  }
}
