/// One operation of a graph, applied to values made earlier.
public struct Node: Sendable {
  /// What is computed.
  public var operation: any Operation
  /// What it is computed from.
  public var operands: [Value]
  /// Nodes that must run before this one although it uses none of their results.
  public var controls: [Int]
  /// The types of the results.
  public var types: [Type]
  /// Where the node comes from.
  public var origin: Origin

  package init(
    _ operation: any Operation, _ operands: [Value], controls: [Int] = [], types: [Type],
    origin: Origin = Origin()
  ) {
    self.operation = operation
    self.operands = operands
    self.controls = controls
    self.types = types
    self.origin = origin
  }
}

/// Nodes in an order in which each uses only earlier ones.
public struct Graph: Sendable {
  /// The nodes, by index.
  public internal(set) var nodes: [Node] = []

  /// Makes an empty graph.
  public init() {}

  /// The type of a value.
  public func type(of value: Value) -> Type { nodes[value.node].types[value.result] }

  /// The types of values.
  public func types(of values: [Value]) -> [Type] { values.map(type(of:)) }

  /// Appends a node, its result types found by the operation's shape rule.
  ///
  /// - Throws: ``ShapeError`` if the operation does not accept the operands.
  /// - Returns: The node's index.
  @discardableResult
  package mutating func append(
    _ operation: any Operation, _ operands: [Value] = [], controls: [Int] = [],
    origin: Origin = Origin()
  ) throws -> Int {
    let types = try operation.types(of: types(of: operands))
    return append(Node(operation, operands, controls: controls, types: types, origin: origin))
  }

  /// Appends a node whose types are already known.
  @discardableResult
  package mutating func append(_ node: Node) -> Int {
    nodes.append(node)
    return nodes.count - 1
  }

  /// The nodes that use each node: as operand or control.
  package var users: [[Int]] {
    var users = [[Int]](repeating: [], count: nodes.count)
    for (index, node) in nodes.enumerated() {
      for used in Set(node.operands.map(\.node) + node.controls) { users[used].append(index) }
    }
    return users
  }

  /// For each node whether any of `roots` needs it: as operand, control, or extent of a dimension.
  package func reachable(from roots: [Value]) -> [Bool] {
    var needed = [Bool](repeating: false, count: nodes.count)
    for root in roots { needed[root.node] = true }
    for index in nodes.indices.reversed() where needed[index] {
      for operand in nodes[index].operands { needed[operand.node] = true }
      for control in nodes[index].controls { needed[control] = true }
      for extent in nodes[index].types.flatMap(\.extents) { needed[extent.node] = true }
    }
    return needed
  }
}
