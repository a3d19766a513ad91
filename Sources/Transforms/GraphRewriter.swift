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

  /// Types with the extents of bounded dimensions replaced by what they have become.
  private func mapped(_ types: [Type]) -> [Type] {
    types.map { type in
      var type = type
      type.dimensions = type.dimensions.map { dimension in
        guard case .bounded(let maximum, let extent) = dimension else { return dimension }
        return .bounded(maximum: maximum, extent: self[extent])
      }
      return type
    }
  }

  /// A node of the source with its operands replaced by what they have become.
  func mapped(_ node: Node) -> Node {
    var node = node
    node.operands = node.operands.map { self[$0] }
    node.controls = Array(Set(node.controls.map { self[Value(node: $0)].node })).sorted()
    node.types = mapped(node.types)
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
    return entry
  }
}

extension Entry {
  /// The entry without nodes that no result and no update needs.
  package func pruned() -> Entry {
    var rewriter = GraphRewriter(graph)
    let needed = graph.reachable(from: roots)
    for index in graph.nodes.indices where needed[index] { rewriter.copy(index) }
    return rewriter.finish(self)
  }
}
