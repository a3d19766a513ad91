import DeepEPTensors

/// Writes an entry whose buckets are exchanged by one collective each.
struct BucketWriter {
  private let entry: Entry
  private let graph: Graph
  private let buckets: [[Int]]
  /// The bucket of each collective that is in one.
  private let places: [Int: Int]
  private var rewriter: GraphRewriter
  private var isWritten: Set<Int> = []

  init(_ entry: Entry, _ buckets: [[Int]]) {
    (self.entry, graph, self.buckets) = (entry, entry.graph, buckets)
    let pairs = buckets.enumerated().flatMap { bucket in bucket.element.map { ($0, bucket.offset) }
    }
    places = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    rewriter = GraphRewriter(entry.graph)
  }

  mutating func written() throws -> Entry {
    for index in graph.nodes.indices { try write(index) }
    return rewriter.finish(entry)
  }

  /// Writes a node after all that it needs; a bucket with the first of its members.
  ///
  /// What waits is on a stack of its own: a bucket's last gradient may be behind a whole model.
  private mutating func write(_ index: Int) throws {
    var waiting = [index]
    while let next = waiting.last {
      let members = places[next].map { buckets[$0] } ?? [next]
      let missing = members.flatMap {
        graph.nodes[$0].operands.map(\.node) + graph.nodes[$0].controls
      }
      .filter { !isWritten.contains($0) }
      if missing.isEmpty || isWritten.contains(next) {
        waiting.removeLast()
        guard isWritten.insert(next).inserted else { continue }
        isWritten.formUnion(members)
        if members.count > 1 { try write(members) } else { rewriter.copy(next) }
      } else {
        waiting += missing.reversed()
      }
    }
  }

  private mutating func write(_ members: [Int]) throws {
    var origin = graph.nodes[members[0]].origin
    origin.reason = "\(members.count) gradients together"
    let layouts = members.map { BucketLayout(graph.nodes[$0], graph) }
    let parts = try zip(members, layouts).map { member, layout in
      try layout.write(rewriter[graph.nodes[member].operands[0]], origin, &rewriter.target)
    }
    let joined = try rewriter.target.append(
      Concatenate(dimension: 1), parts.map { Value(node: $0) }, origin: origin)
    let exchanged = try rewriter.target.append(
      layouts[0].operation, [Value(node: joined)], origin: origin)
    var start = 0
    for (member, layout) in zip(members, layouts) {
      let part = try layout.read(
        Value(node: exchanged), from: start, graph.nodes[member].origin, &rewriter.target)
      rewriter[Value(node: member)] = Value(node: part)
      start += layout.columns
    }
  }
}

/// How a gradient lies in a bucket: a row for each rank that gets a part of it, or one row for all.
private struct BucketLayout {
  /// The collective of the bucket.
  let operation: any Operation
  /// The elements of the gradient in a row.
  let columns: Int
  private let rows: Int
  /// What is before the dimension that is cut.
  private let outer: Int
  private let shape: [Int]

  init(_ node: Node, _ graph: Graph) {
    let operand = graph.type(of: node.operands[0])
    shape = node.types[0].shape
    if var scatter = node.operation as? ReduceScatter {
      outer = operand.shape[..<scatter.dimension].reduce(1, *)
      rows = scatter.count
      scatter.dimension = 0
      operation = scatter
    } else {
      (outer, rows, operation) = (1, 1, node.operation)
    }
    columns = operand.elementCount / rows
  }

  /// Writes the gradient's part of the bucket.
  func write(_ gradient: Value, _ origin: Origin, _ target: inout Graph) throws -> Int {
    var value = gradient
    if outer > 1 {
      let blocks = Reshape(shape: [outer, rows, columns / outer])
      value = Value(node: try target.append(blocks, [value], origin: origin))
      let byRank = Transpose(permutation: [1, 0, 2])
      value = Value(node: try target.append(byRank, [value], origin: origin))
    }
    return try target.append(Reshape(shape: [rows, columns]), [value], origin: origin)
  }

  /// Reads the exchanged gradient, or this rank's part of it, from the row that the bucket has become.
  func read(
    _ bucket: Value, from start: Int, _ origin: Origin, _ target: inout Graph
  ) throws -> Int {
    let slice = Slice(starts: [0, start], sizes: [1, columns])
    let row = try target.append(slice, [bucket], origin: origin)
    return try target.append(Reshape(shape: shape), [Value(node: row)], origin: origin)
  }
}
