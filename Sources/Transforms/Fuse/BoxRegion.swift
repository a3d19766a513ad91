import DeepEPTensors

/// Writes the region of a node that replaces a box of a tensor: first all of the tensor is copied, then
/// the box.
///
/// Parallel loops walk the dimensions along which the box is whole, the last one in blocks of columns,
/// so that each iteration copies the elements that it replaces. The result may lie where the tensor
/// does.
struct BoxRegion {
  let graph: Graph
  let roles: Roles
  let node: Node
  /// The dimensions along which the box is placed.
  let dimensions: [Int]

  private var shape: [Int] { node.types[0].shape }
  private var moved: [Int] { dimensions.sorted() }
  private var kept: [Int] { shape.indices.filter { !dimensions.contains($0) } }
  /// The columns of a block, if the last dimension is in blocks.
  private var block: Int? {
    guard let last = kept.last, last == shape.count - 1 else { return nil }
    return (1...max(1, min(64, shape[last]))).last { shape[last] % $0 == 0 }
  }

  func written() -> (region: Region, operands: [Value]) {
    var writer = RegionWriter(graph, roles, members: [], parallel: kept.count)
    copy(node.operands[0], [], &writer)
    let box = graph.type(of: node.operands[1]).shape
    let starts = writer.startTerms(
      node.operands.dropFirst(2), along: dimensions, of: box, in: shape)
    copy(node.operands[1], starts, &writer)
    var parallel = kept.map { shape[$0] }
    if let block { parallel[parallel.count - 1] /= block }
    let region = Region(resultTypes: [node.types[0]], parallel: parallel, body: writer.body)
    return (region.mergingParallelLoops(), writer.operands)
  }

  /// Copies an operand to where some terms say.
  private func copy(_ operand: Value, _ starts: [GatherTerm], _ writer: inout RegionWriter) {
    let own = graph.type(of: operand).shape
    let extents = moved.map { own[$0] } + [block].compactMap { $0 }
    let variables = writer.variables(extents.count)
    writer.loop(variables, extents) { writer in
      let index = index(variables)
      var place = Affine.position(index, rowMajorStrides(shape)).index
      place.gathers = starts
      writer.append(.store(Access(.result(0), place), writer.pull(operand, index)))
      return []
    }
  }

  /// The index along all dimensions from the serial loops' variables: one for each dimension along which
  /// the box is placed, and one for the columns of a block.
  private func index(_ variables: [LoopVariable]) -> [Affine] {
    shape.indices.map { dimension in
      if let position = moved.firstIndex(of: dimension) {
        return Affine(variable: variables[position])
      }
      let outer = kept.firstIndex(of: dimension) ?? 0
      guard let block, dimension == shape.count - 1 else { return Affine(variable: outer) }
      return Affine(variable: outer, stride: block) + Affine(variable: variables[moved.count])
    }
  }
}
