/// A value that model code asks for, with all that it depends on and nothing else.
package struct Question: Sendable {
  /// An entry whose only result is the value; its slots are numbered as ``parameters``.
  package private(set) var entry = Entry(name: .evaluate)
  /// The parameters that it reads; names are empty where the trace has none.
  package private(set) var parameters: [NamedParameter] = []
  /// Where each of the entry's inputs comes from.
  package private(set) var sources: [InputSource] = []

  /// Where an input of a question comes from.
  package enum InputSource: Sendable {
    /// An input of the entry that is being traced, by its position.
    case batch(Int)
    /// Numbers that are known already.
    case numbers(HostArray)
  }

  /// What a trace says of nodes beyond its graph.
  package struct Context {
    /// The parameter that a node reads.
    var parameters: [Int: NamedParameter]
    /// Values that are known: they are passed in, not computed again.
    var known: [Value: HostArray]

    package init(parameters: [Int: NamedParameter] = [:], known: [Value: HostArray] = [:]) {
      self.parameters = parameters
      self.known = known
    }
  }

  private var map: [Value: Value] = [:]

  /// Cuts out of a graph what a value depends on.
  ///
  /// - Throws: ``ShapeError`` if it depends on state that is no parameter.
  package init(_ value: Value, in graph: Graph, _ context: Context) throws {
    let needed = Self.needed(value, graph, context.known)
    for border in needed.borders.sorted(by: { ($0.node, $0.result) < ($1.node, $1.result) }) {
      guard let array = context.known[border] else { continue }
      map[border] = append(input: .numbers(array), array.type)
    }
    for index in graph.nodes.indices where needed.nodes.contains(index) {
      try copy(graph.nodes[index], index, context)
    }
    entry.results = [EntryResult(name: "value", value: map[value] ?? value)]
  }

  /// The nodes that a value needs, and the known values at which that ends.
  private static func needed(
    _ value: Value, _ graph: Graph, _ known: [Value: HostArray]
  ) -> (nodes: Set<Int>, borders: Set<Value>) {
    var (nodes, borders, open) = (Set<Int>(), Set<Value>(), [value])
    while let next = open.popLast() {
      if known[next] != nil {
        borders.insert(next)
      } else if nodes.insert(next.node).inserted {
        let node = graph.nodes[next.node]
        open += node.operands + node.types.flatMap(\.extents)
      }
    }
    return (nodes, borders)
  }

  private mutating func copy(_ node: Node, _ index: Int, _ context: Context) throws {
    var node = node.mappingExtents { map[$0] ?? $0 }
    node.operands = node.operands.map { map[$0] ?? $0 }
    node.controls = []
    node.origin = Origin()
    let new: Value
    if let input = node.operation as? Input {
      new = append(input: .batch(input.index), input.type)
    } else if let parameter = context.parameters[index] {
      node.operation = Read(slot: parameters.count, type: parameter.parameter.type)
      parameters.append(parameter)
      new = Value(node: entry.graph.append(node))
    } else if let read = node.operation as? Read {
      throw ShapeError("read", "slot \(read.slot) is no parameter: its value cannot be asked for")
    } else {
      new = Value(node: entry.graph.append(node))
    }
    // A result that is known keeps its own numbers: they are the same.
    for result in node.types.indices where map[Value(node: index, result: result)] == nil {
      map[Value(node: index, result: result)] = Value(node: new.node, result: result)
    }
  }

  private mutating func append(input source: InputSource, _ type: Type) -> Value {
    let index = entry.inputs.count
    entry.inputs.append(EntryInput(name: "input\(index)", type: type))
    sources.append(source)
    let node = Node(Input(index: index, type: type), [], types: [type])
    return Value(node: entry.graph.append(node))
  }
}
