import DeepEPElements
import DeepEPTensors

/// Writes the region of a node that puts its operands at places of the result.
struct PlacementRegion {
  let graph: Graph
  let roles: Roles
  let member: Int

  private var node: Node { graph.nodes[member] }
  private var shape: [Int] { node.types[0].shape }

  func written() -> (region: Region, operands: [Value]) {
    switch node.operation {
    case let concatenate as Concatenate: written(concatenate)
    case let pad as Pad: written(pad)
    case let update as DynamicUpdateSlice:
      BoxRegion(graph: graph, roles: roles, node: node, dimensions: update.dimensions).written()
    default: writtenScatter()
    }
  }

  private func finished(_ writer: RegionWriter, _ parallel: [Int]) -> (Region, [Value]) {
    let region = Region(resultTypes: [node.types[0]], parallel: parallel, body: writer.body)
    return (region.mergingParallelLoops(), writer.operands)
  }

  private func writer(parallel: Int) -> RegionWriter {
    RegionWriter(graph, roles, members: [], parallel: parallel)
  }

  /// Copies an operand to the result, shifted; the first dimensions are walked by parallel loops.
  private func copy(_ operand: Value, to starts: [Int], outer: Int, _ writer: inout RegionWriter) {
    let inner = Array(graph.type(of: operand).shape[outer...])
    let variables = writer.variables(inner.count)
    let index = ((0..<outer) + variables).map { Affine(variable: $0) }
    writer.loop(variables, inner) { writer in
      let source = writer.pull(operand, index)
      store(zip(index, starts).map { $0 + Affine($1) }, source, &writer)
      return []
    }
  }

  private func store(_ index: [Affine], _ register: Register, _ writer: inout RegionWriter) {
    let place = Affine.position(index, rowMajorStrides(shape)).index
    writer.append(.store(Access(.result(0), place), register))
  }

  private func written(_ concatenate: Concatenate) -> (Region, [Value]) {
    let outer = concatenate.dimension
    var writer = writer(parallel: outer)
    var starts = shape.map { _ in 0 }
    for operand in node.operands {
      copy(operand, to: starts, outer: outer, &writer)
      starts[outer] += graph.type(of: operand).shape[outer]
    }
    return finished(writer, Array(shape[..<outer]))
  }

  private func written(_ pad: Pad) -> (Region, [Value]) {
    let source = graph.type(of: node.operands[0]).shape
    let outer = shape.indices.first { source[$0] != shape[$0] } ?? shape.count
    var writer = writer(parallel: outer)
    let inner = Array(shape[outer...])
    let variables = writer.variables(inner.count)
    writer.loop(variables, inner) { writer in
      let zero = writer.define(node.types[0].element, .constant(0))
      store(((0..<outer) + variables).map { Affine(variable: $0) }, zero, &writer)
      return []
    }
    copy(node.operands[0], to: pad.starts, outer: outer, &writer)
    return finished(writer, Array(shape[..<outer]))
  }

  /// Each parallel iteration owns a block of columns, so that rows are added in order.
  private func writtenScatter() -> (Region, [Value]) {
    let width = shape.count > 1 ? shape[shape.count - 1] : 1
    let block = (1...max(1, min(64, width))).last { width % $0 == 0 } ?? 1
    let outer = Array(shape.dropFirst().dropLast())
    var writer = writer(parallel: outer.count + 1)
    let variables = writer.variables(2)
    writer.loop(variables, [shape[0], block]) { writer in
      let index = [Affine(variable: variables[0])] + columns(block, variables[1])
      store(index, writer.pull(node.operands[0], index), &writer)
      return []
    }
    let indices = graph.type(of: node.operands[1]).shape
    let rows = writer.variables(indices.count)
    let index = rows.map { Affine(variable: $0) }
    writer.loop(rows, indices) { writer in
      let target = writer.pull(node.operands[1], index)
      let variable = writer.variables(1)
      writer.loop(variable, [block]) { writer in
        add(index, columns(block, variable[0]), target, &writer)
        return []
      }
      return []
    }
    return finished(writer, outer + [width / block])
  }

  /// The index along the dimensions of a row; none for a table of rank one.
  ///
  /// Parallel loops walk all but the last one and the blocks of that, a variable the columns of a
  /// block.
  private func columns(_ block: Int, _ variable: LoopVariable) -> [Affine] {
    guard shape.count > 1 else { return [] }
    let outer = (0..<shape.count - 2).map { Affine(variable: $0) }
    let last = Affine(variable: shape.count - 2, stride: block) + Affine(variable: variable)
    return outer + [last]
  }

  private func add(
    _ index: [Affine], _ columns: [Affine], _ target: Register, _ writer: inout RegionWriter
  ) {
    let element = node.types[0].element
    let strides = rowMajorStrides(shape)
    let update = writer.pull(node.operands[2], index + columns)
    var access = Access(
      .result(0), Affine.position(columns, Array(strides.dropFirst())).index)
    access.index.gathers = [GatherTerm(target, limit: shape[0], stride: strides[0])]
    let old = writer.define(element, .load(access))
    let new = writer.define(element, .binary(.add, old, update))
    writer.append(.store(access, new))
  }
}
