import DeepEPTensors

/// GPT-2 (Radford et al., 2019) with the parameter names and layouts of Hugging Face.
///
/// Token identifiers `[batch, sequence]` go in, logits `[batch, sequence, vocabulary]` come out; the
/// output projection is the token table.
public struct GPT2: LanguageModel {
  /// The model without its head.
  public let transformer: Transformer

  /// The embeddings, the blocks and the last norm.
  public struct Transformer: Module {
    /// The token table.
    public let wte: Embedding
    /// The position table.
    public let wpe: Embedding
    /// Dropout of the embeddings.
    public let drop: Dropout
    /// The blocks.
    public let h: [Block]
    /// The last norm.
    public let lnF: LayerNorm
    let documentStart: Int?

    /// The last hidden states `[batch, sequence, width]` of identifiers `[batch, sequence]`.
    public func callAsFunction(_ identifiers: Tensor) -> Tensor {
      let x = wte(identifiers.named(.batch, .sequence)) + positions(identifiers)
      let segments = documentStart.map { identifiers.documentSegments(beginningWith: $0) }
      return lnF(h.reduce(drop(x)) { x, block in block(x, segments: segments) })
    }

    /// The vectors of positions: each document begins with the first, as it does where text is generated.
    private func positions(_ identifiers: Tensor) -> Tensor {
      if let start = documentStart {
        return wpe(identifiers.documentPositions(beginningWith: start))
      }
      let (sequence, width) = (identifiers.shape.last ?? 0, wpe.weight.type.shape[1])
      return wpe.weight.tensor.sliced([0, 0], sizes: [sequence, width])
    }
  }

  /// One block: attention and a two-layer network, each after a norm and added to the stream.
  public struct Block: Module {
    /// The norm before attention.
    public let ln1: LayerNorm
    /// Attention.
    public let attn: CausalAttention
    /// The norm before the network.
    public let ln2: LayerNorm
    /// The network.
    public let mlp: FeedForward

    /// The stream `[batch, sequence, width]` after the block.
    public func callAsFunction(_ x: Tensor) -> Tensor { self(x, segments: nil) }

    /// The same for rows of several documents, whose numbers are `segments`, `[batch, sequence]`.
    public func callAsFunction(_ x: Tensor, segments: Tensor?) -> Tensor {
      let y = x + attn(ln1(x), segments: segments)
      return y + mlp(ln2(y))
    }
  }

  /// The network of a block.
  public struct FeedForward: Module {
    /// The layer to four times the width.
    public let cFc: Linear
    /// The layer back.
    public let cProj: Linear
    /// Dropout of the output.
    public let dropout: Dropout

    /// The network's output `[..., width]`.
    public func callAsFunction(_ x: Tensor) -> Tensor {
      dropout(cProj(cFc(x).gelu())).tap("network")
    }
  }

  /// Makes a model.
  public init(_ configuration: GPT2Configuration, scheme: WeightScheme? = nil) {
    let (width, scheme) = (configuration.width, scheme ?? .gpt2(layers: configuration.layers))
    let blocks = (0..<configuration.layers).map { index in
      Block(
        ln1: LayerNorm(width),
        attn: CausalAttention(
          width, heads: configuration.heads, scheme: scheme, block: index,
          dropout: configuration.dropout, mask: configuration.mask),
        ln2: LayerNorm(width), mlp: FeedForward(width, scheme, index, configuration.dropout))
    }
    transformer = Transformer(
      wte: Embedding(configuration.vocabulary, width, initializer: scheme.embedding(0)),
      wpe: Embedding(
        configuration.context, width, initializer: scheme.embedding(1),
        axes: [.axis(.sequence), .axis(.embed)]),
      drop: Dropout(configuration.dropout), h: blocks, lnF: LayerNorm(width),
      documentStart: configuration.documentStart)
  }

  /// The logits of identifiers.
  public func callAsFunction(_ identifiers: Tensor) -> Tensor {
    transformer(identifiers).matmul(transformer.wte.weight, transposingRight: true)
  }
}

extension GPT2.FeedForward {
  init(_ width: Int, _ scheme: WeightScheme, _ block: Int, _ rate: Double) {
    dropout = Dropout(rate)
    cFc = Linear(
      width, 4 * width, layout: .inputByOutput, initializer: scheme.weight(block, .up),
      axes: (.axis(.embed), .axis(.hidden)))
    cProj = Linear(
      4 * width, width, layout: .inputByOutput, initializer: scheme.weight(block, .down),
      axes: (.axis(.hidden), .axis(.embed)))
  }
}
