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
  private var box = RowBox(starts: [], sizes: [])
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
    let parts = try logits.boxes.map { try $0.map { try writeChunk($0) } }
    for (place, exit) in logits.rowExits.enumerated() {
      rewriter[Value(node: exit)] = try joined(parts.map { $0.map { $0[place] } }, exit)
    }
    for (place, exit) in logits.dots.enumerated() {
      let values = parts.map { $0.map { $0[logits.rowExits.count + place] } }
      let last = values.last?.last ?? Value(node: exit.node)
      rewriter[Value(node: exit.node)] = try exit.keepsRows ? joined(values, exit.node) : last
      isWritten.insert(exit.node)
    }
  }

  /// What is read outside, of one chunk: rows, then contractions, of sums all so far.
  private mutating func writeChunk(_ box: RowBox) throws -> [Value] {
    (self.box, pieces) = (box, [:])
    let rows = try logits.rowExits.map { try piece($0) }
    let dots = try logits.dots.map { $0.keepsRows ? try piece($0) : try sum($0) }
    before = dots.map(\.node)
    return rows + dots
  }

  private mutating func append(
    _ operation: any Operation, _ operands: [Value], like index: Int
  ) throws -> Value {
    Value(
      node: try rewriter.target.append(operation, operands, origin: graph.nodes[index].origin))
  }

  private func shape(_ rest: [Int]) -> [Int] { box.sizes + rest }

  /// The chunk of a member.
  private mutating func piece(_ index: Int) throws -> Value {
    if let known = pieces[index] { return known }
    let node = graph.nodes[index]
    let piece: Value
    if index == logits.node {
      let operands = try node.operands.enumerated().map { position, operand in
        try position == logits.rowOperand ? sliced(operand) : whole(operand)
      }
      let types = try node.operation.resultTypes(of: rewriter.target.types(of: operands))
      let product = Node(
        node.operation, operands, controls: before, types: types, origin: node.origin)
      piece = Value(node: rewriter.target.append(product))
    } else {
      let operands = try node.operands.map { try operand($0) }
      piece = try append(cut(node.operation), operands, like: index)
    }
    pieces[index] = piece
    return piece
  }

  private func cut(_ operation: any Operation) -> any Operation {
    guard let broadcast = operation as? Broadcast else { return operation }
    return Broadcast(shape: shape([logits.columns]), dimensions: broadcast.dimensions)
  }

  /// The chunk of a contraction that uses members.
  private mutating func piece(_ exit: Logits.DotExit) throws -> Value {
    let node = graph.nodes[exit.node]
    let own = try piece(node.operands[exit.operand].node)
    let other = node.operands[1 - exit.operand]
    let second = try exit.keepsRows ? whole(other) : sliced(other)
    return try append(
      node.operation, exit.operand == 0 ? [own, second] : [second, own], like: exit.node)
  }

  /// The chunk of an operand of a member.
  private mutating func operand(_ value: Value) throws -> Value {
    if logits.members.contains(value.node) { return try piece(value.node) }
    if let known = pieces[value.node] { return known }
    let node = graph.nodes[value.node]
    let full = shape([logits.columns])
    let piece: Value
    switch node.operation {
    case _ where node.types[0].shape == logits.rows: piece = try sliced(value)
    case let constant as Constant:
      let type = constant.type.with(shape: full)
      piece = try append(Constant(type: type, numbers: [constant.splat ?? 0]), [], like: value.node)
    case let iota as Iota:
      let type = iota.type.with(shape: full)
      piece = try append(Iota(type: type, dimension: iota.dimension), [], like: value.node)
    case is Unary, is Binary, is Compare, is Select, is Convert:
      let operands = try node.operands.map { try self.operand($0) }
      piece = try append(node.operation, operands, like: value.node)
    default:
      // A row of columns may have the shape that the rows have.
      let (source, broadcast) = (node.operands[0], node.operation as? Broadcast)
      let isByRow = broadcast?.dimensions == Array(logits.rows.indices)
      piece = try append(
        cut(node.operation), [isByRow ? sliced(source) : whole(source)], like: value.node)
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
    let rest = graph.type(of: value).shape.dropFirst(box.sizes.count)
    return try append(
      Slice(starts: box.starts + rest.map { _ in 0 }, sizes: shape(Array(rest))), [whole(value)],
      like: value.node)
  }

  // MARK: The whole

  private mutating func joined(_ parts: [[Value]], _ index: Int) throws -> Value {
    let groups = try parts.map { try joined($0, along: 1, index) }
    return try joined(groups, along: 0, index)
  }

  private mutating func joined(
    _ parts: [Value], along dimension: Int, _ index: Int
  ) throws -> Value {
    guard parts.count != 1 else { return parts[0] }
    return try append(Concatenate(dimension: dimension), parts, like: index)
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
