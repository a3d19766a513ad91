import DeepEPTensors

extension Entry {
  /// The entry with sums over all dimensions of large tensors done in two steps, the first of which
  /// has many rows to run in parallel.
  func splittingReductions() throws -> Entry {
    var rewriter = GraphRewriter(graph)
    for (index, node) in graph.nodes.enumerated() {
      var copy = rewriter.mapped(node)
      if let reduce = node.operation as? Reduce, let rank = splitRank(reduce, node) {
        let rows = try rewriter.target.append(
          Reduce(reduction: reduce.reduction, dimensions: [rank - 1]), copy.operands,
          origin: node.origin)
        let rest = Array(0..<rank - 1)
        copy.operation = Reduce(reduction: reduce.reduction, dimensions: rest)
        copy.operands = [Value(node: rows)]
      }
      rewriter.append(copy, for: index)
    }
    return rewriter.finish(self)
  }

  /// The rank of the operand if a reduction should be split.
  private func splitRank(_ reduce: Reduce, _ node: Node) -> Int? {
    let type = graph.type(of: node.operands[0])
    let isWhole = reduce.dimensions.count == type.rank && type.rank > 1
    return isWhole && type.elementCount > 4096 ? type.rank : nil
  }
}
