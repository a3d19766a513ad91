import DeepEPTensors

/// The sizes of a GPT-2.
public struct GPT2Configuration: Hashable, Codable, Sendable {
  /// The number of different tokens.
  public var vocabulary: Int
  /// The longest sequence.
  public var context: Int
  /// The width of the residual stream.
  public var width: Int
  /// The number of blocks.
  public var layers: Int
  /// The number of attention heads; divides the width.
  public var heads: Int
  /// The share of elements that training drops after the embeddings, attention and the network of each
  /// block (`embd_pdrop` and `resid_pdrop` of Hugging Face).
  public var dropout: Double

  /// Makes a configuration.
  public init(
    vocabulary: Int, context: Int, width: Int, layers: Int, heads: Int, dropout: Double = 0
  ) {
    self.vocabulary = vocabulary
    self.context = context
    self.width = width
    self.layers = layers
    self.heads = heads
    self.dropout = dropout
  }

  /// Reads a configuration; one without `dropout` has none.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    vocabulary = try container.decode(Int.self, forKey: .vocabulary)
    context = try container.decode(Int.self, forKey: .context)
    width = try container.decode(Int.self, forKey: .width)
    layers = try container.decode(Int.self, forKey: .layers)
    heads = try container.decode(Int.self, forKey: .heads)
    dropout = try container.decodeIfPresent(Double.self, forKey: .dropout) ?? 0
  }

  /// The number of weights.
  public var parameterCount: Int {
    let block = 12 * width * width + 13 * width
    return (vocabulary + context) * width + layers * block + 2 * width
  }
}

/// GPT-2 (Radford et al., 2019) with the parameter names and layouts of Hugging Face.
///
/// Token identifiers `[batch, sequence]` go in, logits `[batch, sequence, vocabulary]` come out; the
/// output projection is the token table.
public struct GPT2: Module {
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

    /// The last hidden states `[batch, sequence, width]` of identifiers `[batch, sequence]`.
    public func callAsFunction(_ identifiers: Tensor) -> Tensor {
      let sequence = identifiers.shape.last ?? 0
      let width = wpe.weight.type.shape[1]
      let positions = wpe.weight.tensor.sliced([0, 0], sizes: [sequence, width])
      let x = wte(identifiers.named(.batch, .sequence)) + positions
      return lnF(h.reduce(drop(x)) { x, block in block(x) })
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
    public func callAsFunction(_ x: Tensor) -> Tensor {
      let y = x + attn(ln1(x))
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
          dropout: configuration.dropout),
        ln2: LayerNorm(width), mlp: FeedForward(width, scheme, index, configuration.dropout))
    }
    transformer = Transformer(
      wte: Embedding(configuration.vocabulary, width, initializer: scheme.embedding(0)),
      wpe: Embedding(
        configuration.context, width, initializer: scheme.embedding(1),
        axes: [.axis(.sequence), .axis(.embed)]),
      drop: Dropout(configuration.dropout), h: blocks, lnF: LayerNorm(width))
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
