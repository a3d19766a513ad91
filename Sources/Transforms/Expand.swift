import DeepEPTensors

/// Defines the transform that replaces composites by their bodies.
///
/// Needs nothing; leaves no composite for which `keeps` says no.
package struct Expand: Transform {
  package let name = TransformName.expand
  private let keeps: @Sendable (any Composite, [Type]) -> Bool

  /// Expands every composite but those that `keeps` accepts with the types of their operands.
  package init(keeps: @escaping @Sendable (any Composite, [Type]) -> Bool = { _, _ in false }) {
    self.keeps = keeps
  }

  package func apply(_ program: Program) throws -> Program {
    try program.mapEntriesConcurrently { entry in
      var rewriter = GraphRewriter(entry.graph)
      for (index, node) in entry.graph.nodes.enumerated() {
        if let composite = node.operation as? any Composite,
          !keeps(composite, entry.graph.types(of: node.operands))
        {
          try expand(composite, index, &rewriter)
        } else {
          rewriter.copy(index)
        }
      }
      return rewriter.finish(entry)
    }
  }

  private func expand(
    _ composite: any Composite, _ index: Int, _ rewriter: inout GraphRewriter
  ) throws {
    let node = rewriter.mapped(rewriter.source.nodes[index])
    let results = try inline(composite, node, &rewriter)
    for (result, value) in results.enumerated() {
      rewriter[Value(node: index, result: result)] = value
    }
  }

  /// Writes a body, composites inside it expanded in turn; returns what its results have become.
  private func inline(
    _ composite: any Composite, _ call: Node, _ rewriter: inout GraphRewriter
  ) throws -> [Value] {
    let body = try composite.expanded(rewriter.target.types(of: call.operands))
    let inputs = call.operands + body.extents
    var known: [[Value]] = []
    let map = { (value: Value, known: [[Value]]) in known[value.node][value.result] }
    for node in body.graph.nodes {
      var node = node.mappingExtents { map($0, known) }
      node.operands = node.operands.map { map($0, known) }
      node.controls = call.controls
      node.origin = call.origin
      if let input = node.operation as? Input {
        known.append([inputs[input.index]])
      } else if let composite = node.operation as? any Composite,
        !keeps(composite, rewriter.target.types(of: node.operands))
      {
        known.append(try inline(composite, node, &rewriter))
      } else {
        let new = rewriter.target.append(node)
        known.append(node.types.indices.map { Value(node: new, result: $0) })
      }
    }
    return body.results.compactMap(\.value).map { map($0, known) }
  }
}
