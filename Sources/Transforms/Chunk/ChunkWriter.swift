import DeepEPTensors

/// A chunk needs what only all chunks together give.
struct CyclicChunks: Error {}

/// Writes an entry with its logits in chunks, one after another.
struct ChunkWriter {
  private let entry: Entry
  private let graph: Graph
  private let logits: Logits
  private var rewriter: GraphRewriter
  private var isWritten: Set<Int> = []
  private var isWriting = false
  /// What became of members in the chunk that is being written.
  private var pieces: [Int: Value] = [:]
  private var rows = 0..<0
  /// Values with all row dimensions as one.
  private var flat: [Value: Value] = [:]
  /// Sums over rows, up to the chunk that is being written.
  private var sums: [Int: Value] = [:]
  /// What uses up the chunk before.
  private var before: [Int] = []

  init(_ entry: Entry, _ logits: Logits) {
    self.entry = entry
    self.logits = logits
    graph = entry.graph
    rewriter = GraphRewriter(entry.graph)
  }

  mutating func written() throws -> Entry {
    for index in graph.nodes.indices where !logits.members.contains(index) { try write(index) }
    // Members that are results themselves.
    if !areChunksWritten { try writeChunks() }
    return rewriter.finish(entry).pruned()
  }

  private var areChunksWritten: Bool { isWritten.contains(logits.node) }

  /// Writes a node after all that it needs.
  private mutating func write(_ index: Int) throws {
    guard isWritten.insert(index).inserted else { return }
    let node = graph.nodes[index]
    let isExit = logits.dots.contains { $0.node == index }
    if isExit || node.operands.contains(where: { logits.members.contains($0.node) }) {
      if !areChunksWritten { try writeChunks() }
      guard !isWriting else { throw CyclicChunks() }
      if isExit { return }
    }
    for operand in node.operands where !logits.members.contains(operand.node) {
      try write(operand.node)
    }
    for control in node.controls { try write(control) }
    rewriter.copy(index)
  }

  // MARK: Chunks

  private mutating func writeChunks() throws {
    isWritten.formUnion(logits.members)
    isWriting = true
    defer { isWriting = false }
    let parts = try logits.chunks.map { try writeChunk($0) }
    for (place, exit) in logits.rowExits.enumerated() {
      rewriter[Value(node: exit)] = try joined(parts.map { $0[place] }, exit)
    }
    for (place, exit) in logits.dots.enumerated() {
      let values = parts.map { $0[logits.rowExits.count + place] }
      let last = values.last ?? Value(node: exit.node)
      rewriter[Value(node: exit.node)] = try exit.keepsRows ? joined(values, exit.node) : last
      isWritten.insert(exit.node)
    }
  }

  /// What is read outside, of one chunk: rows, then contractions, of sums all so far.
  private mutating func writeChunk(_ rows: Range<Int>) throws -> [Value] {
    (self.rows, pieces) = (rows, [:])
    let exits = try logits.rowExits.map { try piece($0) }
    let dots = try logits.dots.map { $0.keepsRows ? try piece($0) : try sum($0) }
    before = dots.map(\.node)
    return exits + dots
  }

  private mutating func append(
    _ operation: any Operation, _ operands: [Value], like index: Int
  ) throws -> Value {
    Value(
      node: try rewriter.target.append(operation, operands, origin: graph.nodes[index].origin))
  }

  /// The number of row dimensions that become one.
  private var rowRank: Int { logits.rows.count }

  /// The chunk of a member.
  private mutating func piece(_ index: Int) throws -> Value {
    if let known = pieces[index] { return known }
    let node = graph.nodes[index]
    let piece: Value
    if index == logits.node {
      let operands = try node.operands.enumerated().map { position, operand in
        try position == logits.rowOperand ? sliced(operand) : whole(operand)
      }
      let dot = flattened(node.operation)
      let types = try dot.resultTypes(of: rewriter.target.types(of: operands))
      let product = Node(dot, operands, controls: before, types: types, origin: node.origin)
      piece = Value(node: rewriter.target.append(product))
    } else {
      let operands = try node.operands.map { try operand($0) }
      piece = try append(flattened(node.operation), operands, like: index)
    }
    pieces[index] = piece
    return piece
  }

  /// The operation on a chunk, in which all rows are along one dimension.
  private func flattened(_ operation: any Operation) -> any Operation {
    let shape = [rows.count, logits.columns]
    switch operation {
    case let broadcast as Broadcast:
      let isByRow = broadcast.dimensions == Array(0..<rowRank)
      let others = broadcast.dimensions.map { $0 - rowRank + 1 }
      return Broadcast(shape: shape, dimensions: isByRow ? [0] : others)
    case let reduce as Reduce: return Reduce(reduction: reduce.reduction, dimensions: [1])
    case let constant as Constant:
      return Constant(type: constant.type.with(shape: shape), numbers: [constant.splat ?? 0])
    case let iota as Iota: return Iota(type: iota.type.with(shape: shape), dimension: 1)
    case let dot as Dot: return flattened(dot)
    default: return operation
    }
  }

  /// The contraction with one label for all row dimensions.
  private func flattened(_ dot: Dot) -> Dot {
    let own = (logits.rowOperand == 0 ? dot.left : dot.right)
    return dot.dropping(Set(own.prefix(rowRank).dropFirst()))
  }

  /// The chunk of a contraction that uses members.
  private mutating func piece(_ exit: Logits.DotExit) throws -> Value {
    let node = graph.nodes[exit.node]
    let own = try piece(node.operands[exit.operand].node)
    let other = node.operands[1 - exit.operand]
    let second = try exit.keepsRows ? whole(other) : sliced(other)
    guard let dot = node.operation as? Dot else { return own }
    let labels = exit.operand == 0 ? dot.left : dot.right
    return try append(
      dot.dropping(Set(labels.prefix(rowRank).dropFirst())),
      exit.operand == 0 ? [own, second] : [second, own], like: exit.node)
  }

  /// The chunk of an operand of a member.
  private mutating func operand(_ value: Value) throws -> Value {
    if logits.members.contains(value.node) { return try piece(value.node) }
    if let known = pieces[value.node] { return known }
    let node = graph.nodes[value.node]
    let piece: Value
    switch node.operation {
    case _ where node.types[0].shape == logits.rows: piece = try sliced(value)
    case is Unary, is Binary, is Compare, is Select, is Convert:
      let operands = try node.operands.map { try self.operand($0) }
      piece = try append(node.operation, operands, like: value.node)
    case let broadcast as Broadcast:
      // A row of columns may have the shape that the rows have.
      let isByRow = broadcast.dimensions == Array(0..<rowRank)
      let source = try isByRow ? sliced(node.operands[0]) : whole(node.operands[0])
      piece = try append(flattened(broadcast), [source], like: value.node)
    default: piece = try append(flattened(node.operation), [], like: value.node)
    }
    pieces[value.node] = piece
    return piece
  }

  private mutating func whole(_ value: Value) throws -> Value {
    try write(value.node)
    return rewriter[value]
  }

  /// The chunk's rows of a value `[rows..., ...]` that is no member.
  private mutating func sliced(_ value: Value) throws -> Value {
    let rest = Array(graph.type(of: value).shape.dropFirst(rowRank))
    let all =
      try flat[value] ?? reshaped(whole(value), [logits.rows.reduce(1, *)] + rest, value.node)
    flat[value] = all
    let slice = Slice(
      starts: [rows.lowerBound] + rest.map { _ in 0 }, sizes: [rows.count] + rest)
    return try append(slice, [all], like: value.node)
  }

  private mutating func reshaped(_ value: Value, _ shape: [Int], _ index: Int) throws -> Value {
    guard rewriter.target.type(of: value).shape != shape else { return value }
    return try append(Reshape(shape: shape), [value], like: index)
  }

  // MARK: The whole

  /// All chunks of a value.
  private mutating func joined(_ parts: [Value], _ index: Int) throws -> Value {
    let all = try append(Concatenate(dimension: 0), parts, like: index)
    return try reshaped(all, graph.nodes[index].types[0].shape, index)
  }

  /// The sum over the chunks so far.
  private mutating func sum(_ exit: Logits.DotExit) throws -> Value {
    let part = try piece(exit)
    let sum = try sums[exit.node].map {
      try append(Binary(function: .add), [$0, part], like: exit.node)
    }
    sums[exit.node] = sum ?? part
    return sum ?? part
  }
}

extension Dot {
  /// The contraction without some labels, which are merged into those before them.
  fileprivate func dropping(_ labels: Set<Int>) -> Dot {
    let rest = { (all: [Int]) in all.filter { !labels.contains($0) } }
    return Dot(left: rest(left), right: rest(right), result: rest(result), element: element)
  }
}
