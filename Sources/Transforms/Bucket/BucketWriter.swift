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
  /// What a collective that is in a bucket has become.
  private var exchanges: [Int: Int] = [:]

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
      // Parameters are gathered when the first one is wanted: those that others wait for come sooner then.
      let needed = members.flatMap { graph.nodes[$0].operands.map(\.node) } + controls(members)
      let missing = needed.filter { !isWritten.contains($0) }
      if missing.isEmpty || isWritten.contains(next) {
        waiting.removeLast()
        guard isWritten.insert(next).inserted else { continue }
        isWritten.formUnion(members)
        if members.count > 1 { try write(members) } else { copy(next) }
      } else {
        waiting += missing.reversed()
      }
    }
  }

  /// The nodes that come before a bucket, though it does not use what they make.
  private func controls(_ members: [Int]) -> [Int] {
    members.min().map { graph.nodes[$0].controls } ?? []
  }

  /// What waits for a collective waits for its bucket.
  private mutating func copy(_ index: Int) {
    var node = rewriter.mapped(graph.nodes[index])
    node.controls = mappedControls(graph.nodes[index].controls)
    rewriter.append(node, for: index)
  }

  private func mappedControls(_ controls: [Int]) -> [Int] {
    Set(controls.map { exchanges[$0] ?? rewriter[Value(node: $0)].node }).sorted()
  }

  private mutating func write(_ members: [Int]) throws {
    var origin = graph.nodes[members[0]].origin
    let isGathered = graph.nodes[members[0]].operation is AllGather
    origin.reason = "\(members.count) \(isGathered ? "parameters" : "gradients") together"
    let layouts = members.map { BucketLayout(graph.nodes[$0], graph) }
    let parts = try zip(members, layouts).map { member, layout in
      try layout.write(rewriter[graph.nodes[member].operands[0]], origin, &rewriter.target)
    }
    let joined = try rewriter.target.append(
      Concatenate(dimension: 1), parts.map { Value(node: $0) }, origin: origin)
    let exchanged = try rewriter.target.append(
      layouts[0].operation, [Value(node: joined)], controls: mappedControls(controls(members)),
      origin: origin)
    for member in members { exchanges[member] = exchanged }
    var start = 0
    for (member, layout) in zip(members, layouts) {
      let part = try layout.read(
        Value(node: exchanged), from: start, graph.nodes[member].origin, &rewriter.target)
      rewriter[Value(node: member)] = Value(node: part)
      start += layout.columns
    }
  }
}

/// How a value lies in a bucket: a row for each rank that gets a part of it or gives one, or one row for all.
private struct BucketLayout {
  /// The collective of the bucket.
  let operation: any Operation
  /// The elements of the value in a row.
  let columns: Int
  /// The rows that a rank gives, and those that it gets.
  private let givenRows: Int
  private let takenRows: Int
  /// What is before the dimension that is cut, or that grows.
  private let outer: Int
  private let shape: [Int]

  init(_ node: Node, _ graph: Graph) {
    let operand = graph.type(of: node.operands[0])
    shape = node.types[0].shape
    switch node.operation {
    case var scatter as ReduceScatter:
      outer = operand.shape[..<scatter.dimension].reduce(1, *)
      (givenRows, takenRows) = (scatter.count, 1)
      scatter.dimension = 0
      operation = scatter
    case var gather as AllGather:
      outer = operand.shape[..<gather.dimension].reduce(1, *)
      (givenRows, takenRows) = (1, gather.count)
      gather.dimension = 0
      operation = gather
    default: (outer, givenRows, takenRows, operation) = (1, 1, 1, node.operation)
    }
    columns = operand.elementCount / givenRows
  }

  /// Writes a value's part of the bucket.
  func write(_ value: Value, _ origin: Origin, _ target: inout Graph) throws -> Int {
    let value = try swapped(value, (outer, givenRows), origin, &target)
    return try target.append(Reshape(shape: [givenRows, columns]), [value], origin: origin)
  }

  /// Reads the exchanged value, or this rank's part of it, from the rows that the bucket has become.
  func read(
    _ bucket: Value, from start: Int, _ origin: Origin, _ target: inout Graph
  ) throws -> Int {
    let slice = Slice(starts: [0, start], sizes: [takenRows, columns])
    let rows = Value(node: try target.append(slice, [bucket], origin: origin))
    let value = try swapped(rows, (takenRows, outer), origin, &target)
    return try target.append(Reshape(shape: shape), [value], origin: origin)
  }

  /// A value whose two outermost sizes have changed places.
  private func swapped(
    _ value: Value, _ sizes: (Int, Int), _ origin: Origin, _ target: inout Graph
  ) throws -> Value {
    guard sizes.0 > 1, sizes.1 > 1 else { return value }
    let count = target.type(of: value).elementCount
    let blocks = Reshape(shape: [sizes.0, sizes.1, count / sizes.0 / sizes.1])
    let cut = Value(node: try target.append(blocks, [value], origin: origin))
    return Value(
      node: try target.append(Transpose(permutation: [1, 0, 2]), [cut], origin: origin))
  }
}
