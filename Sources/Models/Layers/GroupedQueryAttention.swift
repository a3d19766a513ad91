import DeepEPTensors

/// Causal self-attention with rotary positions in which groups of queries share a head of keys and values,
/// without biases (Ainslie et al.: GQA, 2023), as in Llama.
public struct GroupedQueryAttention: Module {
  /// The sizes of the heads.
  public struct Heads: Hashable, Sendable {
    /// The number of heads of queries.
    public var queries: Int
    /// The number of heads of keys and values; divides the other.
    public var keyValues: Int
    /// The width of a head, an even number.
    public var width: Int

    /// Makes sizes.
    public init(queries: Int, keyValues: Int, width: Int) {
      (self.queries, self.keyValues, self.width) = (queries, keyValues, width)
    }
  }

  /// The query projection.
  public let qProj: Linear
  /// The key projection.
  public let kProj: Linear
  /// The value projection.
  public let vProj: Linear
  /// The output projection.
  public let oProj: Linear
  let rotary: RotaryPositions
  let heads: Heads
  let mask: AttentionMask

  /// Makes attention over inputs of a width.
  ///
  /// - Parameters:
  ///   - mask: Which positions a position sees, such as those of a window.
  ///   - initializers: The first values of the four weights as `[output, input]`, in their order.
  public init(
    _ width: Int, heads: Heads, rotary: RotaryPositions = RotaryPositions(),
    mask: AttentionMask = .causal,
    initializers: (query: Initializer, key: Initializer, value: Initializer, output: Initializer)
  ) {
    (self.heads, self.rotary, self.mask) = (heads, rotary, mask)
    let axes = { (count: Int) -> DimensionAxes in
      .factored([AxisFactor(.heads, count), AxisFactor(.headWidth, heads.width)])
    }
    let inwards = { (count: Int, initializer: Initializer) in
      Linear(
        width, count * heads.width, hasBias: false, initializer: initializer,
        axes: (.axis(.embed), axes(count)))
    }
    qProj = inwards(heads.queries, initializers.query)
    kProj = inwards(heads.keyValues, initializers.key)
    vProj = inwards(heads.keyValues, initializers.value)
    oProj = Linear(
      heads.queries * heads.width, width, hasBias: false, initializer: initializers.output,
      axes: (axes(heads.queries), .axis(.embed)))
  }

  /// The attended input `[batch, sequence, width]`.
  public func callAsFunction(_ x: Tensor) -> Tensor { self(x, segments: nil) }

  /// The attended input `[batch, sequence, width]`, in which a row may be several documents.
  ///
  /// - Parameter segments: Integers that name the document of each position, `[batch, sequence]`; a
  ///   position sees only its own.
  public func callAsFunction(_ x: Tensor, segments: Tensor?) -> Tensor {
    guard x.rank == 3 else { return x.reshaped([0, 0, 0]) }
    let query = rotary(headed(qProj(x), heads.queries))
    let key = rotary(headed(kProj(x), heads.keyValues))
    let value = headed(vProj(x), heads.keyValues)
    let attended = query.attention(
      key: forQueries(key), value: forQueries(value), mask: mask, segments: segments)
    return oProj(attended.reshaped([x.shape[0], x.shape[1], heads.queries * heads.width]))
      .tap("attention")
  }

  func headed(_ x: Tensor, _ count: Int) -> Tensor {
    x.reshaped(x.shape.dropLast() + [count, heads.width])
  }

  /// Each head of keys or values as often as there are queries for it, one after the other.
  private func forQueries(_ x: Tensor) -> Tensor {
    let group = heads.queries / max(1, heads.keyValues)
    guard group > 1, x.rank == 4 else { return x }
    let (batch, sequence) = (x.shape[0], x.shape[1])
    return x.reshaped([batch, sequence, heads.keyValues, 1, heads.width])
      .repeated(group, along: 3)
      .reshaped([batch, sequence, group * heads.keyValues, heads.width])
  }
}

extension Tensor {
  /// This tensor, whose size along a dimension is one, that many times along it.
  fileprivate func repeated(_ count: Int, along dimension: Int) -> Tensor {
    guard !isPoisoned else { return self }
    var target = type.dimensions
    target[dimension] = .fixed(count)
    return broadcast(to: target)
  }
}
