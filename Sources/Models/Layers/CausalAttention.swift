import DeepEPTensors

/// Multi-head self-attention in which a position sees itself and earlier ones, as in GPT-2.
public struct CausalAttention: Module {
  /// The fused query, key and value projection.
  public let cAttn: Linear
  /// The output projection.
  public let cProj: Linear
  /// Dropout of the output.
  public let dropout: Dropout
  private let heads: Int
  let mask: AttentionMask

  /// Makes attention over inputs of a width with a number of heads.
  ///
  /// - Parameter mask: Which positions a position sees, such as those of a window.
  public init(
    _ width: Int, heads: Int, scheme: WeightScheme = .gpt2(layers: 1), block: Int = 0,
    dropout: Double = 0, mask: AttentionMask = .causal
  ) {
    (self.dropout, self.mask) = (Dropout(dropout), mask)
    let perHead = [AxisFactor(.heads, heads), AxisFactor(.headWidth, width / max(1, heads))]
    cAttn = Linear(
      width, 3 * width, layout: .inputByOutput, initializer: scheme.weight(block, .queryKeyValue),
      axes: (.axis(.embed), .factored([AxisFactor(nil, 3)] + perHead)))
    cProj = Linear(
      width, width, layout: .inputByOutput, initializer: scheme.weight(block, .attentionOutput),
      axes: (.factored(perHead), .axis(.embed)))
    self.heads = heads
  }

  /// The attended input `[batch, sequence, width]`.
  public func callAsFunction(_ x: Tensor) -> Tensor { self(x, segments: nil) }

  /// The attended input `[batch, sequence, width]`, in which a row may be several documents.
  ///
  /// - Parameter segments: Integers that name the document of each position, `[batch, sequence]`; a
  ///   position sees only its own.
  public func callAsFunction(_ x: Tensor, segments: Tensor?) -> Tensor {
    guard x.rank == 3 else { return x.reshaped([0, 0, 0]) }
    let parts = headed(x)
    let attended = parts[0].attention(
      key: parts[1], value: parts[2], mask: mask, segments: segments)
    return dropout(cProj(attended.reshaped(x.shape))).tap("attention")
  }

  /// Query, key and value of an input `[batch, sequence, width]`, each
  /// `[batch, sequence, heads, headWidth]`.
  func headed(_ x: Tensor) -> [Tensor] {
    let (batch, sequence, headWidth) = (x.shape[0], x.shape[1], x.shape[2] / heads)
    let together = cAttn(x).reshaped([batch, sequence, 3, heads, headWidth])
    return (0..<3).map { part in
      together.sliced([0, 0, part, 0, 0], sizes: [batch, sequence, 1, heads, headWidth])
        .reshaped([batch, sequence, heads, headWidth])
    }
  }
}
