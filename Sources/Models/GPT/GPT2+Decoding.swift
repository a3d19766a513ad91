import DeepEPTensors

/// Generation: a block of tokens at a time, with the keys and values of all earlier ones at hand.
extension GPT2 {
  /// The logits of what follows one token of a block; see ``LanguageModel``.
  public func decoded(
    _ identifiers: Tensor, at position: Tensor, token: Tensor, caches: inout [KeyValueCache]
  ) -> Tensor {
    let hidden = transformer.decoded(identifiers, at: position, caches: &caches)
    let width = hidden.shape.last ?? 0
    return hidden.reshaped([-1, width]).gather(token)
      .matmul(transformer.wte.weight, transposingRight: true)
  }
}

extension GPT2.Transformer {
  /// The last hidden states `[batch, block, width]` of a block of tokens that begins at a position.
  func decoded(
    _ identifiers: Tensor, at position: Tensor, caches: inout [KeyValueCache]
  ) -> Tensor {
    let last = max(0, identifiers.rank - 1)
    let places = identifiers.indices(along: last) + position
    var x = wte(identifiers) + wpe(places)
    for (index, block) in h.enumerated() where caches.indices.contains(index) {
      x = block.decoded(x, at: position, cache: &caches[index])
    }
    return lnF(x)
  }
}

extension GPT2.Block {
  /// The stream `[batch, block, width]` after the block, for tokens that begin at a position.
  func decoded(_ x: Tensor, at position: Tensor, cache: inout KeyValueCache) -> Tensor {
    let y = x + attn.decoded(ln1(x), at: position, cache: &cache)
    return y + mlp(ln2(y))
  }
}

extension CausalAttention {
  /// The attended input `[batch, block, width]`, for tokens that begin at a position.
  func decoded(_ x: Tensor, at position: Tensor, cache: inout KeyValueCache) -> Tensor {
    guard x.rank == 3 else { return x.reshaped([0, 0, 0]) }
    let parts = headed(x)
    let attended = cache.attended(
      parts[0], key: parts[1], value: parts[2], at: position, mask: mask)
    return cProj(attended.reshaped(x.shape))
  }
}
