import DeepEPElements
import DeepEPTensors

/// Writes the region of reductions over dimensions that are not the last ones, such as the gradient
/// of a bias.
///
/// Where the last dimension is kept, each parallel iteration owns a block of columns and walks the
/// rows, so that memory is read in order and every sum has a fixed order.
struct ReduceRegion {
  let graph: Graph
  let roles: Roles
  let members: [Int]
  let shape: [Int]
  let dimensions: [Int]
  let outputs: [Value]

  private var kept: [Int] { shape.indices.filter { !dimensions.contains($0) } }
  private var reductions: [Int] { members.filter { roles[$0] == .reduction }.sorted() }

  func written() -> (region: Region, operands: [Value]) {
    kept.last == shape.count - 1 && !shape.isEmpty ? writtenByBlocks() : writtenByElements()
  }

  private func finished(_ writer: RegionWriter, _ parallel: [Int]) -> (Region, [Value]) {
    let region = Region(
      resultTypes: outputs.map(graph.type(of:)), parallel: parallel, scratch: writer.scratch,
      body: writer.body)
    return (region.mergingParallelLoops(), writer.operands)
  }

  // MARK: One element at a time

  private func writtenByElements() -> (Region, [Value]) {
    var writer = RegionWriter(graph, roles, members: members, parallel: kept.count)
    let variables = writer.variables(dimensions.count)
    let index = fullIndex(kept.indices.map { Affine(variable: $0) }, variables)
    var accumulators: [Accumulator] = []
    writer.loop(variables, dimensions.map { shape[$0] }) { writer in
      for node in reductions {
        let source = writer.pull(graph.nodes[node].operands[0], index)
        let accumulator = Accumulator(writer.newRegister(), element(node), reduction(node))
        writer.append(.accumulate(accumulator: accumulator.register, source))
        accumulators.append(accumulator)
      }
      return accumulators
    }
    let place = Affine.position(
      kept.indices.map { Affine(variable: $0) }, rowMajorStrides(kept.map { shape[$0] }))
    for (node, accumulator) in zip(reductions, accumulators) {
      store(node, place, accumulator.register, &writer)
    }
    return finished(writer, kept.map { shape[$0] })
  }

  // MARK: A block of columns at a time

  private func writtenByBlocks() -> (Region, [Value]) {
    let block = blockWidth(shape[shape.count - 1])
    var writer = RegionWriter(graph, roles, members: members, parallel: kept.count)
    let sums = reductions.map { writer.newScratch(element($0), count: block) }
    eachColumn(block, &writer) { _, column, writer in
      for (node, sum) in zip(reductions, sums) {
        let zero = writer.define(element(node), .constant(identity(node)))
        writer.append(.store(Access(sum, column.index), zero))
      }
    }
    let rows = writer.variables(dimensions.count)
    writer.loop(rows, dimensions.map { shape[$0] }) { writer in
      eachColumn(block, &writer) { place, column, writer in
        let index = fullIndex(place, rows)
        for (node, sum) in zip(reductions, sums) {
          add(node, index, Access(sum, column.index), &writer)
        }
      }
      return []
    }
    eachColumn(block, &writer) { place, column, writer in
      for (node, sum) in zip(reductions, sums) {
        let total = writer.define(element(node), .load(Access(sum, column.index)))
        store(node, Affine.position(place, rowMajorStrides(kept.map { shape[$0] })), total, &writer)
      }
    }
    let parallel = kept.dropLast().map { shape[$0] } + [shape[shape.count - 1] / block]
    return finished(writer, parallel)
  }

  /// Writes a loop over the columns of a block; the body gets the index along the kept dimensions and
  /// the column within the block.
  private func eachColumn(
    _ block: Int, _ writer: inout RegionWriter,
    _ body: ([Affine], Affine, inout RegionWriter) -> Void
  ) {
    let variables = writer.variables(1)
    let column = Affine(variable: variables[0])
    let outer = kept.indices.dropLast().map { Affine(variable: $0) }
    let last = Affine(variable: kept.count - 1, stride: block) + column
    writer.loop(variables, [block]) { writer in
      body(outer + [last], column, &writer)
      return []
    }
  }

  private func add(_ node: Int, _ index: [Affine], _ sum: Access, _ writer: inout RegionWriter) {
    let source = writer.pull(graph.nodes[node].operands[0], index)
    let old = writer.define(element(node), .load(sum))
    let new = writer.define(element(node), .binary(reduction(node).function, old, source))
    writer.append(.store(sum, new))
  }

  /// The widest divisor of a number of columns up to a kilobyte of floats; all columns if there is
  /// no useful one.
  private func blockWidth(_ columns: Int) -> Int {
    let best = (16...max(16, min(64, columns))).last { columns % $0 == 0 }
    return best ?? (columns <= 1024 ? columns : 1)
  }

  private func store(
    _ node: Int, _ place: Affine, _ register: Register, _ writer: inout RegionWriter
  ) {
    guard let result = outputs.firstIndex(of: Value(node: node)) else { return }
    writer.append(.store(Access(.result(result), place.index), register))
  }

  /// The index along all dimensions from that along the kept ones and the reduced ones.
  private func fullIndex(_ place: [Affine], _ rows: [LoopVariable]) -> [Affine] {
    shape.indices.map { dimension in
      if let position = kept.firstIndex(of: dimension) { return place[position] }
      return Affine(variable: rows[dimensions.firstIndex(of: dimension) ?? 0])
    }
  }

  private func element(_ node: Int) -> ElementType { graph.nodes[node].types[0].element }
  private func reduction(_ node: Int) -> Reduction {
    (graph.nodes[node].operation as? Reduce)?.reduction ?? .sum
  }
  /// Constants of integers saturate, so infinity stands for an integer's limit.
  private func identity(_ node: Int) -> Double { reduction(node).maskIdentity(element(node)) }
}
