import DeepEPTensors

/// Gradients that travel with fewer bits.
extension Partitioner {
  /// Writes the whole gradient by a parameter: the sum over data-parallel ranks is a ``CompressedAllReduce``, of
  /// which each rank then keeps its share; all else that is owed is added exactly before.
  mutating func writeCompressed(_ compressed: CompressedGradient, _ index: Int) throws {
    let operands = source.nodes[index].operands
    let shape = source.type(of: operands[0]).shape
    let (gradient, rest) = (Value(node: index), Value(node: index, result: 1))
    let own = rules.computing(compressed.axes, shape)
    let share = rules.gradient(compressed.axes, shape)
    let axes = rules.dataAxes
    let parts = Sharding(
      own.dimensions, partial: Dictionary(uniqueKeysWithValues: axes.map { ($0, .sum) }))
    let residual = try placed(operands[1], as: parts)
    let owed = sharding(of: operands[0]).partial
    guard !axes.isEmpty, axes.allSatisfy({ owed[$0] == .sum }) else {
      // All ranks have it already.
      let whole = try placed(operands[0], as: share, for: "the gradient")
      copies[gradient] = [ShardedCopy(share, whole)]
      copies[rest] = [ShardedCopy(parts, residual)]
      return
    }
    let part = try placed(operands[0], as: parts, for: "the gradient")
    let kept = origin
    origin.reason = "a part on each rank with other data; for the gradient"
    let sum = try append(
      CompressedAllReduce(compressed.compression, axes: axes), [part, residual])
    origin = kept
    copies[rest] = [ShardedCopy(parts, Value(node: sum.node, result: 1))]
    copies[gradient] = [ShardedCopy(own, sum)]
    copies[gradient] = [ShardedCopy(share, try placed(gradient, as: share, for: "the gradient"))]
  }
}
