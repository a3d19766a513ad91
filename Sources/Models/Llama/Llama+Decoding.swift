import DeepEPTensors

/// Generation: a block of tokens at a time, with the keys and values of all earlier ones at hand.
extension Llama {
  /// The logits of what follows one token of a block; see ``LanguageModel``.
  public func decoded(
    _ identifiers: Tensor, at position: Tensor, token: Tensor, caches: inout [KeyValueCache]
  ) -> Tensor {
    let hidden = model.decoded(identifiers, at: position, caches: &caches)
    return lmHead(hidden.reshaped([-1, hidden.shape.last ?? 0]).gather(token))
  }
}

extension Llama.Decoder {
  /// The last hidden states `[batch, block, width]` of a block of tokens that begins at a position.
  func decoded(
    _ identifiers: Tensor, at position: Tensor, caches: inout [KeyValueCache]
  ) -> Tensor {
    var x = embedTokens(identifiers)
    for (index, block) in layers.enumerated() where caches.indices.contains(index) {
      x = block.decoded(x, at: position, cache: &caches[index])
    }
    return norm(x)
  }
}

extension Llama.Block {
  /// The stream `[batch, block, width]` after the block, for tokens that begin at a position.
  func decoded(_ x: Tensor, at position: Tensor, cache: inout KeyValueCache) -> Tensor {
    let y = x + selfAttn.decoded(inputLayernorm(x), at: position, cache: &cache)
    return y + mlp(postAttentionLayernorm(y))
  }
}

extension GroupedQueryAttention {
  /// The attended input `[batch, block, width]`, for tokens that begin at a position.
  ///
  /// Keys are turned before they go to the cache.
  func decoded(_ x: Tensor, at position: Tensor, cache: inout KeyValueCache) -> Tensor {
    guard x.rank == 3 else { return x.reshaped([0, 0, 0]) }
    let counted = Iota(type: Type(.int32, [x.shape[1]]), dimension: 0)
    let places = x.trace.apply(counted, [])[0] + position
    let attended = cache.attended(
      rotary(headed(qProj(x), heads.queries), at: places),
      key: rotary(headed(kProj(x), heads.keyValues), at: places),
      value: headed(vProj(x), heads.keyValues), at: position, mask: mask)
    return oProj(attended.reshaped([x.shape[0], x.shape[1], heads.queries * heads.width]))
  }
}
