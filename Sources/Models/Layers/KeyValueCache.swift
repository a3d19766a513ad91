import DeepEPTensors

/// What attention remembers of the positions before a block of tokens: their keys and values.
///
/// Row `p` of both tensors belongs to position `p` of the sequence. Rows that no block has written
/// yet, and rows after the block, are never looked at, whatever they hold.
public struct KeyValueCache {
  /// The keys, `[batch, context, keyValueHeads, headWidth]`.
  public var keys: Tensor
  /// The values, `[batch, context, keyValueHeads, headWidth]`.
  public var values: Tensor

  /// Names the tensors of a cache.
  public init(keys: Tensor, values: Tensor) {
    self.keys = keys
    self.values = values
  }

  /// Attention of a block of queries over the cached positions and over the block itself.
  ///
  /// The block's keys and values are written to the cache first. Groups of queries share a head of keys
  /// and values, one group after the other.
  ///
  /// - Parameters:
  ///   - query: The queries, `[batch, block, heads, headWidth]`.
  ///   - key: The keys of the block, `[batch, block, keyValueHeads, headWidth]`.
  ///   - value: The values of the block, of the same shape.
  ///   - position: The position of the block's first token, an int32 scalar. Rows of the block that
  ///     would lie behind the end of the cache are not written.
  ///   - mask: Which positions a position sees; at most those before it.
  /// - Returns: The weighted values, `[batch, block, heads, headWidth]`.
  public mutating func attended(
    _ query: Tensor, key: Tensor, value: Tensor, at position: Tensor, mask: AttentionMask = .causal
  ) -> Tensor {
    keys = keys.writing(key, at: position)
    values = values.writing(value, at: position)
    guard query.rank == 4, keys.rank == 4 else { return query }
    let (shared, width) = (keys.shape[2], query.shape[3])
    let grouped = query.reshaped(
      query.shape.prefix(2) + [shared, query.shape[2] / max(1, shared), width])
    let scale = 1 / Double(width).squareRoot()
    let scores = grouped.einsum("btkgd,bskd->bkgts", keys) * scale
    guard scores.rank == 5 else { return scores }
    return seen(scores, from: position, mask).softmax()
      .einsum("bkgts,bskd->btkgd", values).reshaped(query.shape)
  }

  /// Scores `[..., block, context]`, minus infinity where a query must not look.
  private func seen(_ scores: Tensor, from position: Tensor, _ mask: AttentionMask) -> Tensor {
    let reach = scores.indices(along: scores.rank - 2) + position
    let places = scores.indices(along: scores.rank - 1)
    // Rows after the block hold nothing.
    let mask = mask == .none ? .causal : mask
    let hidden = scores.filled(with: -.infinity)
    return mask.conditions(queries: reach, keys: places).reduce(scores) { $1.select($0, hidden) }
  }
}

extension Tensor {
  /// This cache with a block in place of the rows from `position` on.
  ///
  /// One pass over the cache that fuses into a single loop, in place; its other rows stay as they are
  /// to the last bit.
  fileprivate func writing(_ block: Tensor, at position: Tensor) -> Tensor {
    guard rank == 4, block.rank == 4 else { return apply(Concatenate(dimension: 1), block) }
    let place = indices(along: 1) - position
    let isBefore = place.compare(.less, place.filled(with: 0))
    let isBehind = place.compare(.greaterOrEqual, place.filled(with: Double(block.shape[1])))
    return isBefore.select(self, isBehind.select(self, spread(block, from: position)))
  }

  /// The rows of a block at the places of a cache's rows from `position` on; anything elsewhere.
  private func spread(_ block: Tensor, from position: Tensor) -> Tensor {
    if block.shape[1] == 1 { return block.broadcast(to: shape) }
    let rows = trace.apply(Iota(type: Type(.int32, [shape[1]]), dimension: 0), [])[0] - position
    return block.transposed([1, 0, 2, 3]).gather(rows).transposed([1, 0, 2, 3])
  }
}
