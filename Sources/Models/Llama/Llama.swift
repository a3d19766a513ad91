import DeepEPTensors

/// Llama (Touvron et al.: Llama 2, 2023) with the parameter names, layouts and numerics of Hugging Face:
/// norms by the root mean square, rotary positions, grouped queries, a gated network, no biases, and a head
/// of its own or the token table.
///
/// Token identifiers `[batch, sequence]` go in, logits `[batch, sequence, vocabulary]` come out.
public struct Llama: LanguageModel {
  /// The model without its head.
  public let model: Decoder
  /// The head.
  public let lmHead: Linear

  /// The embedding, the blocks and the last norm.
  public struct Decoder: Module {
    /// The token table.
    public let embedTokens: Embedding
    /// The blocks.
    public let layers: [Block]
    /// The last norm.
    public let norm: RMSNorm
    let documentStart: Int?

    /// The last hidden states `[batch, sequence, width]` of identifiers `[batch, sequence]`.
    public func callAsFunction(_ identifiers: Tensor) -> Tensor {
      let x = embedTokens(identifiers.named(.batch, .sequence))
      let segments = documentStart.map { identifiers.documentSegments(beginningWith: $0) }
      return norm(layers.reduce(x) { x, block in block(x, segments: segments) })
    }
  }

  /// One block: attention and a gated network, each after a norm and added to the stream.
  public struct Block: Module {
    /// Attention.
    public let selfAttn: GroupedQueryAttention
    /// The network.
    public let mlp: GatedFeedForward
    /// The norm before attention.
    public let inputLayernorm: RMSNorm
    /// The norm before the network.
    public let postAttentionLayernorm: RMSNorm

    /// The stream `[batch, sequence, width]` after the block.
    public func callAsFunction(_ x: Tensor) -> Tensor { self(x, segments: nil) }

    /// The same for rows of several documents, whose numbers are `segments`, `[batch, sequence]`.
    public func callAsFunction(_ x: Tensor, segments: Tensor?) -> Tensor {
      let y = x + selfAttn(inputLayernorm(x), segments: segments)
      return y + mlp(postAttentionLayernorm(y))
    }
  }

  /// Makes a model.
  public init(_ configuration: LlamaConfiguration, scheme: WeightScheme? = nil) {
    let scheme = scheme ?? .gpt2(layers: configuration.layers)
    let (width, vocabulary) = (configuration.width, configuration.vocabulary)
    model = Decoder(
      embedTokens: Embedding(vocabulary, width, initializer: scheme.matrix(1)),
      layers: (0..<configuration.layers).map { Block(configuration, scheme, $0) },
      norm: RMSNorm(width, epsilon: configuration.epsilon),
      documentStart: configuration.documentStart)
    lmHead =
      configuration.hasTiedHead
      ? Linear(weight: model.embedTokens.weight)
      : Linear(
        width, vocabulary, hasBias: false, initializer: scheme.matrix(2),
        axes: (.axis(.embed), .axis(.vocabulary)))
  }

  /// The logits of identifiers.
  public func callAsFunction(_ identifiers: Tensor) -> Tensor { lmHead(model(identifiers)) }
}

extension Llama.Block {
  /// A weight of a block, in the order of the numbers of their streams.
  private enum Weight: UInt64, CaseIterable {
    case query, key, value, output, gate, up, down
  }

  init(_ configuration: LlamaConfiguration, _ scheme: WeightScheme, _ block: Int) {
    let count = UInt64(Weight.allCases.count)
    let first = { (weight: Weight) in
      scheme.matrix(
        3 + count * UInt64(block) + weight.rawValue,
        isResidual: weight == .output || weight == .down)
    }
    selfAttn = GroupedQueryAttention(
      configuration.width,
      heads: GroupedQueryAttention.Heads(
        queries: configuration.heads, keyValues: configuration.keyValueHeads,
        width: configuration.headWidth),
      rotary: RotaryPositions(
        base: configuration.rotaryBase, scaling: configuration.rotaryScaling),
      mask: configuration.mask,
      initializers: (first(.query), first(.key), first(.value), first(.output)))
    mlp = GatedFeedForward(
      configuration.width, hidden: configuration.hidden,
      initializers: (first(.gate), first(.up), first(.down)))
    inputLayernorm = RMSNorm(configuration.width, epsilon: configuration.epsilon)
    postAttentionLayernorm = RMSNorm(configuration.width, epsilon: configuration.epsilon)
  }
}
