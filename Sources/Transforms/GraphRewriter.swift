import DeepEPTensors

/// Copies a graph node by node into a new one; transforms decide what becomes of each.
struct GraphRewriter {
  /// The graph that is read.
  let source: Graph
  /// The graph that is written.
  var target = Graph()
  private var map: [Value: Value] = [:]

  init(_ source: Graph) { self.source = source }

  /// What a value of the source has become.
  subscript(value: Value) -> Value {
    get { map[value] ?? value }
    set { map[value] = newValue }
  }

  /// A node of the source with its operands and extents replaced by what they have become.
  func mapped(_ node: Node) -> Node {
    var node = node.mappingExtents { self[$0] }
    node.operands = node.operands.map { self[$0] }
    if !node.controls.isEmpty {
      node.controls = Array(Set(node.controls.map { self[Value(node: $0)].node })).sorted()
    }
    return node
  }

  /// Writes a node in place of one of the source.
  @discardableResult
  mutating func append(_ node: Node, for index: Int) -> Int {
    let new = target.append(node)
    for result in node.types.indices {
      self[Value(node: index, result: result)] = Value(node: new, result: result)
    }
    return new
  }

  /// Copies a node of the source.
  mutating func copy(_ index: Int) { append(mapped(source.nodes[index]), for: index) }

  /// The entry with the new graph.
  func finish(_ entry: Entry) -> Entry {
    var entry = entry
    entry.graph = target
    entry.updates = entry.updates.map { SlotUpdate(slot: $0.slot, value: self[$0.value]) }
    entry.results = entry.results.map { EntryResult(name: $0.name, value: self[$0.value]) }
    for index in entry.checks.indices {
      entry.checks[index].value = self[entry.checks[index].value]
    }
    for index in entry.inputs.indices {
      entry.inputs[index].type = entry.inputs[index].type.mappingExtents { self[$0] }
    }
    return entry
  }
}

extension Entry {
  /// The entry without nodes that no result and no update needs.
  package func pruned() -> Entry {
    var rewriter = GraphRewriter(graph)
    let needed = graph.reachable(from: roots + inputs.flatMap(\.type.extents))
    for index in graph.nodes.indices where needed[index] { rewriter.copy(index) }
    return rewriter.finish(self)
  }
}
