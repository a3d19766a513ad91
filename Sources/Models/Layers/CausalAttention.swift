import DeepEPTensors

/// Multi-head self-attention in which a position sees itself and earlier ones, as in GPT-2.
public struct CausalAttention: Module {
  /// The fused query, key and value projection.
  public let cAttn: Linear
  /// The output projection.
  public let cProj: Linear
  private let heads: Int

  /// Makes attention over inputs of a width with a number of heads.
  public init(_ width: Int, heads: Int, scheme: WeightScheme = .gpt2(layers: 1), block: Int = 0) {
    cAttn = Linear(
      width, 3 * width, layout: .inputByOutput, initializer: scheme.weight(block, .queryKeyValue),
      axes: (.embed, .queryKeyValue))
    cProj = Linear(
      width, width, layout: .inputByOutput, initializer: scheme.weight(block, .attentionOutput),
      axes: (.heads, .embed))
    self.heads = heads
  }

  /// The attended input `[batch, sequence, width]`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let shape = x.shape
    guard shape.count == 3 else { return x.reshaped([0, 0, 0]) }
    let (batch, sequence, width) = (shape[0], shape[1], shape[2])
    let parts = cAttn(x).split(3).map { $0.reshaped([batch, sequence, heads, width / heads]) }
    let attended = parts[0].attention(key: parts[1], value: parts[2], isCausal: true)
    return cProj(attended.reshaped([batch, sequence, width]))
  }
}
