import DeepEPTensors

/// A model of sequences of tokens that can also go through them a block at a time, with the keys and values of
/// all earlier ones at hand.
///
/// Token identifiers `[batch, sequence]` go in, logits `[batch, sequence, vocabulary]` come out.
public protocol LanguageModel: Module {
  /// The logits of what follows one token of a block.
  ///
  /// - Parameters:
  ///   - identifiers: The tokens of the block, `[batch, block]`.
  ///   - position: The position of the block's first token in the sequence, an int32 scalar.
  ///   - token: Which tokens of the block are asked about: rows of `[batch · block]`, `[count]`.
  ///   - caches: The cache of each block of the model; the tokens' keys and values are written to it.
  /// - Returns: The logits `[count, vocabulary]`.
  func decoded(
    _ identifiers: Tensor, at position: Tensor, token: Tensor, caches: inout [KeyValueCache]
  ) -> Tensor
}
