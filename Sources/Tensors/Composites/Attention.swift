import DeepEPElements

/// Scaled dot-product attention (Vaswani et al.: Attention Is All You Need, 2017).
///
/// Operands: query, key and value, `[batch, sequence, heads, headWidth]`, and if there are segments the
/// integers that name the segment of each position, `[batch, sequence]`. Results: the weighted values
/// in the same shape, and for backward the log-sum-exp of the scores, `[batch, heads, sequence]`.
/// Scores and their softmax are float32 if the operands are narrower.
package struct Attention: Composite {
  /// What scores are multiplied by, usually `1 / sqrt(headWidth)`.
  package var scale: Double
  /// Which positions a position sees.
  package var mask: AttentionMask
  /// Whether a position sees only those of its own segment.
  package var hasSegments: Bool
  package var name: String { "attention" }
  package var operandCount: Int { hasSegments ? 4 : 3 }
  package var hasOwnGradient: Bool { true }

  package init(scale: Double, mask: AttentionMask, hasSegments: Bool = false) {
    (self.scale, self.mask, self.hasSegments) = (scale, mask, hasSegments)
  }

  package init(scale: Double, isCausal: Bool) {
    self.init(scale: scale, mask: isCausal ? .causal : .none)
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try check(operands)
    return try bodyResultTypes(of: operands)
  }

  /// Windows and segments are of one sequence, so that each position sees at least itself.
  fileprivate func check(_ operands: [Type]) throws {
    if case .window(let length) = mask, length < 1 {
      throw ShapeError(
        name, "a window of \(length) positions; it must have at least the position itself")
    }
    guard operands.count >= 3, operands.prefix(3).allSatisfy({ $0.rank == 4 }) else { return }
    if mask.isWindow || hasSegments, operands[0].dimensions[1] != operands[1].dimensions[1] {
      throw ShapeError(
        name,
        "windows and segments need as many keys as queries, not \(operands[1]) for \(operands[0])")
    }
    guard hasSegments, let segments = operands.last else { return }
    guard segments.element.isInteger, segments.dimensions == Array(operands[0].dimensions.prefix(2))
    else {
      throw ShapeError(
        name, "segments are integers, one for each position of \(operands[0]), not \(segments)")
    }
  }

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let scores = scores(operands[0], operands[1], segments: hasSegments ? operands.last : nil)
    let largest = scores.largest([-1])
    let weights = (scores - largest.alongLast(scores)).exponential()
    let total = weights.sum([-1])
    let shares = weights / total.alongLast(weights)
    let rounded = shares.converted(to: operands[2].type.element)
    return [rounded.einsum("bhts,bshd->bthd", operands[2]), largest + total.logarithm()]
  }

  /// The scores `[batch, heads, query, key]`, minus infinity where a query must not look.
  func scores(_ query: Tensor, _ key: Tensor, segments: Tensor?) -> Tensor {
    let scores = query.wideEinsum("bthd,bshd->bhts", key) * scale
    guard scores.rank == 4 else { return scores }
    var seen = mask.conditions(queries: scores.indices(along: 2), keys: scores.indices(along: 3))
    if let segments {
      let target = scores.type.dimensions
      let own = segments.broadcast(to: target, dimensions: [0, 2])
      seen.append(own.compare(.equal, segments.broadcast(to: target, dimensions: [0, 3])))
    }
    let hidden = scores.filled(with: -.infinity)
    return seen.reduce(scores) { $1.select($0, hidden) }
  }

  /// Batch and heads can be cut; each position may need all others.
  package func factors(operands: [Type], results: [Type]) -> Factors {
    Self.factors(operands: operands, results: results)
  }

  fileprivate static func factors(operands: [Type], results: [Type]) -> Factors {
    guard operands.count >= 3, operands.allSatisfy({ [2, 3, 4].contains($0.rank) }) else {
      return Factors(sizes: [], operands: [], results: [])
    }
    let (query, keys) = (operands[0].shape, operands[1].shape[1])
    let headed = [[[0], [1], [3], [4]], [[0], [2], [3], [4]], [[0], [2], [3], [4]]]
    let rows = { (type: Type) in
      switch type.rank {
      case 2: [[0], [1]]
      case 3: [[0], [3], [1]]
      default: headed[0]
      }
    }
    let backward = operands.count > 4
    return Factors(
      sizes: [query[0], query[1], keys, query[2], query[3]],
      operands: headed + operands.dropFirst(3).map(rows),
      results: backward ? headed : results.map(rows), whole: [1, 2, 4],
      flopsPerPoint: backward ? 10 : 4)
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard operand < 3 else { return nil }
    let gradient = AttentionGradient(attention: self)
    let headed = Array(context.operands[1..<3]) + context.results + [context.gradient]
    let all = context.operands[0].applyAll(gradient, headed + context.operands.dropFirst(3))
    return all.count == 3 ? all[operand] : all[0]
  }
}

/// The gradient of ``Attention`` (Dao et al.: FlashAttention, 2022, section 3.1 and appendix B).
///
/// Operands: query, key, value, output, log-sum-exp, the gradient by the output, and the segments if
/// there are any. Results: the gradients by query, key and value. Scores and their gradients are float32 if the operands are
/// narrower, as the log-sum-exp is.
package struct AttentionGradient: Composite {
  /// The attention whose gradient this is.
  package var attention: Attention
  /// The element type of the results, in which sums are rounded; nil: that of the operands.
  package var element: ElementType?
  package var name: String { "attentionGradient" }
  package var operandCount: Int { attention.hasSegments ? 7 : 6 }

  package init(attention: Attention, element: ElementType? = nil) {
    self.attention = attention
    self.element = element
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try attention.check(operands)
    return try bodyResultTypes(of: operands)
  }

  /// Batch and heads can be cut.
  package func factors(operands: [Type], results: [Type]) -> Factors {
    Attention.factors(operands: operands, results: results)
  }

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let (query, key, value) = (operands[0], operands[1], operands[2])
    let (output, logSum, g) = (operands[3], operands[4], operands[5])
    let (narrow, wide) = (query.type.element, query.type.element.sum)
    let segments = attention.hasSegments ? operands.last : nil
    let scores = attention.scores(query, key, segments: segments)
    let shares = (scores - logSum.alongLast(scores)).exponential()
    let along = (g.converted(to: wide) * output.converted(to: wide)).sum([-1])
      .transposed([0, 2, 1])
    let byShares = g.wideEinsum("bthd,bshd->bhts", value)
    let byScores = shares * (byShares - along.alongLast(scores)) * attention.scale
    let rounded = byScores.converted(to: narrow)
    let result = element == narrow ? nil : element
    return [
      rounded.einsum("bhts,bshd->bthd", key, result),
      rounded.einsum("bhts,bthd->bshd", query, result),
      shares.converted(to: narrow).einsum("bhts,bthd->bshd", g, result),
    ]
  }
}

extension ElementType {
  /// The type in which sums of numbers of this type are kept.
  package var sum: ElementType { isFloatingPoint && byteCount < 4 ? .float32 : self }
}

extension Tensor {
  /// The sum of products in the type of sums.
  fileprivate func wideEinsum(_ notation: String, _ other: Tensor) -> Tensor {
    let own = type.element
    return einsum(notation, other, own.sum == own ? nil : own.sum)
  }

  /// The sum of products, rounded to an element type; nil: that of the operands.
  fileprivate func einsum(_ notation: String, _ other: Tensor, _ element: ElementType?) -> Tensor {
    guard var dot = Dot(notation) else { return einsum(notation, other) }
    dot.element = element
    return apply(dot, other)
  }

  /// Attention of this query, `[batch, sequence, heads, headWidth]`, over keys and values.
  public func attention(
    key: Tensor, value: Tensor, isCausal: Bool, scale: Double? = nil, file: String = #fileID,
    line: Int = #line
  ) -> Tensor {
    attention(
      key: key, value: value, mask: isCausal ? .causal : .none, scale: scale, file: file, line: line
    )
  }

  /// Attention of this query, `[batch, sequence, heads, headWidth]`, over the keys and values that a
  /// mask shows.
  ///
  /// - Parameters:
  ///   - segments: Integers that name the segment of each position, `[batch, sequence]`, such as the
  ///     documents packed into a row: a position sees only those of its own.
  ///   - scale: What scores are multiplied by; by default `1 / sqrt(headWidth)`.
  public func attention(
    key: Tensor, value: Tensor, mask: AttentionMask, segments: Tensor? = nil, scale: Double? = nil,
    file: String = #fileID, line: Int = #line
  ) -> Tensor {
    let width = Double(shape.last ?? 1)
    let attention = Attention(
      scale: scale ?? 1 / width.squareRoot(), mask: mask, hasSegments: segments != nil)
    let operands = [key, value] + (segments.map { [$0] } ?? [])
    return applyAll(attention, operands, source: SourceLocation(file: file, line: line))[0]
  }
}
