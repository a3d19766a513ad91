import DeepEPElements
import DeepEPTensors

/// Writes the region of a cluster that walks every point of a shape, row by row.
///
/// Within a row there is one pass for each level of reductions: a softmax finds the largest element,
/// then the sum of exponentials, then the shares. Expensive elements that several passes need wait in
/// scratch memory.
struct MapRegion {
  let graph: Graph
  let roles: Roles
  let members: [Int]
  let shape: [Int]
  /// How many of the last dimensions are reduced within a row; nil if none is.
  let columns: Int?
  let outputs: [Value]

  /// The most scratch memory of a region.
  private static let scratchLimitBytes = 48 << 10

  private var rowRank: Int { shape.count - (columns ?? 0) }
  private var columnShape: [Int] { Array(shape[rowRank...]) }

  func written() -> (region: Region, operands: [Value]) {
    var writer = RegionWriter(graph, roles, members: members, parallel: rowRank)
    let row = (0..<rowRank).map { Affine(variable: $0) }
    let passes = Passes(self)
    var waiting: [Int: Buffer] = [:]
    for pass in 0...passes.last { write(pass, passes, row, &waiting, &writer) }
    for (result, output) in outputs.enumerated() where !isFull(output.node) {
      store(output, result, row, &writer)
    }
    let region = Region(
      resultTypes: outputs.map(graph.type(of:)), parallel: Array(shape[..<rowRank]),
      scratch: writer.scratch, body: writer.body)
    return (columns == nil ? region.collapsed() : region.mergingParallelLoops(), writer.operands)
  }

  private func isFull(_ node: Int) -> Bool {
    graph.nodes[node].types[0].shape == shape && !isRow(node)
  }

  /// Whether a member has one element a row.
  private func isRow(_ node: Int) -> Bool {
    columns != nil && graph.nodes[node].types[0].rank == rowRank
  }

  private func store(
    _ output: Value, _ result: Int, _ index: [Affine], _ writer: inout RegionWriter
  ) {
    let register = writer.pull(output, index)
    let strides = rowMajorStrides(graph.type(of: output).shape)
    let place = Affine.position(index, strides).index
    writer.append(.store(Access(.result(result), place), register))
  }

  private func write(
    _ pass: Int, _ passes: Passes, _ row: [Affine], _ waiting: inout [Int: Buffer],
    _ writer: inout RegionWriter
  ) {
    let reductions = members.filter { roles[$0] == .reduction && passes.level[$0] == pass + 1 }
    let stored = outputs.indices.filter {
      isFull(outputs[$0].node) && passes.level[outputs[$0].node] == pass
    }
    guard !reductions.isEmpty || !stored.isEmpty else { return }
    let variables = writer.variables(columns ?? 0)
    let index = row + variables.map { Affine(variable: $0) }
    var accumulators: [Accumulator] = []
    let isUsed = passes.elements(of: pass)
    writer.loop(variables, columnShape) { writer in
      for node in isUsed where passes.isShared(node) {
        share(node, index, variables, &waiting, &writer)
      }
      for node in reductions {
        let source = writer.pull(graph.nodes[node].operands[0], index)
        let accumulator = accumulator(node, &writer)
        writer.append(.accumulate(accumulator: accumulator.register, source))
        accumulators.append(accumulator)
      }
      for result in stored { store(outputs[result], result, index, &writer) }
      return accumulators
    }
    for (node, accumulator) in zip(reductions, accumulators) {
      writer.remember(Value(node: node), row, accumulator.register)
    }
  }

  private func accumulator(_ node: Int, _ writer: inout RegionWriter) -> Accumulator {
    let reduction = (graph.nodes[node].operation as? Reduce)?.reduction ?? .sum
    return Accumulator(writer.newRegister(), graph.nodes[node].types[0].element, reduction)
  }

  /// Keeps an element of this pass for later ones, or takes it from an earlier one.
  private func share(
    _ node: Int, _ index: [Affine], _ variables: [LoopVariable], _ waiting: inout [Int: Buffer],
    _ writer: inout RegionWriter
  ) {
    let element = graph.nodes[node].types[0].element
    let columns = variables.map { Affine(variable: $0) }
    let place = Affine.position(columns, rowMajorStrides(columnShape)).index
    let value = Value(node: node)
    if let buffer = waiting[node] {
      let register = writer.define(element, .load(Access(buffer, place)))
      writer.remember(value, index, register)
    } else {
      let count = columnShape.reduce(1, *)
      let used = writer.scratch.reduce(0) { $0 + $1.count * $1.element.byteCount }
      guard used + count * element.byteCount <= Self.scratchLimitBytes else { return }
      let register = writer.pull(value, index)
      let buffer = writer.newScratch(element, count: count)
      waiting[node] = buffer
      writer.append(.store(Access(buffer, place), register))
    }
  }

  /// Which pass over a row each member belongs to.
  private struct Passes {
    /// The number of reductions that must be whole before the member can be computed.
    let level: [Int: Int]
    let last: Int
    /// For each element of a row that is expensive, the passes that use it.
    private let uses: [Int: Set<Int>]
    private let order: [Int]

    init(_ region: MapRegion) {
      var level: [Int: Int] = [:]
      order = region.members.sorted()
      for node in order {
        let sources = region.graph.nodes[node].operands.map { region.source($0, level) }
        level[node] = (sources.max() ?? 0) + (region.roles[node] == .reduction ? 1 : 0)
      }
      self.level = level
      last = level.values.max() ?? 0
      var uses: [Int: Set<Int>] = [:]
      for node in order {
        if region.roles[node] == .reduction {
          region.use(region.graph.nodes[node].operands[0], in: (level[node] ?? 1) - 1, &uses)
        }
      }
      for output in region.outputs where region.isFull(output.node) {
        region.use(output, in: level[output.node] ?? 0, &uses)
      }
      self.uses = uses
    }

    /// The expensive elements that a pass uses, operands first.
    func elements(of pass: Int) -> [Int] { order.filter { uses[$0]?.contains(pass) ?? false } }

    func isShared(_ node: Int) -> Bool { (uses[node]?.count ?? 0) > 1 }
  }

  /// The level of a value: that of the member that it shows.
  private func source(_ value: Value, _ level: [Int: Int]) -> Int {
    if let known = level[value.node] { return known }
    guard roles[value.node] == .movement, let next = graph.nodes[value.node].operands.first else {
      return 0
    }
    return source(next, level)
  }

  /// Notes that a pass uses an element, and what it is computed from within the row.
  private func use(_ value: Value, in pass: Int, _ uses: inout [Int: Set<Int>]) {
    let node = graph.nodes[value.node]
    if roles[value.node] == .movement { return node.operands.forEach { use($0, in: pass, &uses) } }
    guard members.contains(value.node), roles[value.node] == .scalar, isFull(value.node) else {
      return
    }
    if isExpensive(node) { uses[value.node, default: []].insert(pass) }
    node.operands.forEach { use($0, in: pass, &uses) }
  }

  private func isExpensive(_ node: Node) -> Bool {
    switch (node.operation as? Unary)?.function {
    case .exponential, .logarithm, .hyperbolicTangent, .sine, .cosine, .errorFunction: true
    default: (node.operation as? Binary)?.function == .power
    }
  }
}
