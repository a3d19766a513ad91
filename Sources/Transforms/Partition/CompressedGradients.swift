import DeepEPTensors

/// Gradients that travel with fewer bits.
extension Partitioner {
  /// Writes the whole gradient by a parameter: the sum over data-parallel ranks is a ``CompressedReduceScatter`` where
  /// each rank keeps an even share along one axis, and else a ``CompressedAllReduce``, of which it then keeps its
  /// share; all else that is owed is added exactly before.
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
    defer { origin = kept }
    if let (block, lost) = try scattered(part, residual, compressed.compression, parts, share) {
      copies[rest] = [ShardedCopy(parts, lost)]
      copies[gradient] = [ShardedCopy(share, block)]
      return
    }
    let sum = try append(
      CompressedAllReduce(compressed.compression, axes: axes), [part, residual])
    copies[rest] = [ShardedCopy(parts, Value(node: sum.node, result: 1))]
    copies[gradient] = [ShardedCopy(own, sum)]
    copies[gradient] = [ShardedCopy(share, try placed(gradient, as: share, for: "the gradient"))]
  }

  /// Writes the sum of which each rank keeps its share; nil if that is no even cut along one axis.
  private mutating func scattered(
    _ part: Value, _ residual: Value, _ compression: Compression, _ parts: Sharding,
    _ share: Sharding
  ) throws -> (block: Value, lost: Value)? {
    guard let state = Resharding(from: parts, to: share, on: mesh) else { return nil }
    let steps = route(state, target.type(of: part).element).steps
    guard steps.count == 1, case .reduceScatter(let axis, let index) = steps[0] else { return nil }
    let (box, count) = (state.box(index, mesh), mesh.extent(axis))
    guard box.size % count == 0 else { return nil }
    let shape = target.type(of: part).shape
    let operands = try [part, residual].map { try reshaped($0, [box.before, box.size, box.after]) }
    let scatter = CompressedReduceScatter(compression, axes: [axis], dimension: 1, count: count)
    let sum = try append(scatter, operands)
    let lost = Value(node: sum.node, result: 1)
    return (try reshaped(sum, share.localShape(mesh)), try reshaped(lost, shape))
  }
}
