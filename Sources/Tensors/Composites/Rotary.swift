import DeepEPElements
import Glibc

/// Rotary position embedding (Su et al.: RoFormer, 2021) in the pairing of Llama's checkpoints at Hugging
/// Face ("rotate half"): element `i` of a head turns together with element `i + headWidth / 2`.
///
/// Operands: `x [batch, sequence, heads, headWidth]` with an even width, and the integer position of each
/// row, `[sequence]`. Result: `x` in which pair `i` is turned by `position · base^(-2i / headWidth)`, or less
/// if frequencies are scaled.
/// Angles and their waves are float32 if `x` is narrower. The gradient turns back.
package struct Rotary: Composite {
  /// The angle of the last pairs is nearly `position / base`.
  package var base: Double
  /// What becomes of frequencies; nil leaves them.
  package var scaling: RotaryScaling?
  /// Whether pairs are turned back.
  package var isInverse: Bool
  package var name: String { "rotary" }
  package var operandCount: Int { 2 }
  package var hasOwnGradient: Bool { true }

  package init(base: Double, scaling: RotaryScaling? = nil, isInverse: Bool = false) {
    (self.base, self.scaling, self.isInverse) = (base, scaling, isInverse)
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2)
    let (x, positions) = (operands[0], operands[1])
    guard x.rank == 4, x.element.isFloatingPoint, x.shape[3] % 2 == 0 else {
      throw ShapeError(
        name, "turns [batch, sequence, heads, an even width] of floats, got \(x)")
    }
    guard positions.shape == [x.shape[1]], positions.element.isSignedInteger else {
      throw ShapeError(
        name, "needs a signed integer position for each of \(x.shape[1]) rows, got \(positions)")
    }
    return [x]
  }

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let (x, positions) = (operands[0], operands[1])
    let half = x.shape[3] / 2
    let paired = x.type.dimensions.dropLast() + [.fixed(2), .fixed(half)]
    let pairs = x.reshaped(x.shape.dropLast() + [2, half])
    let parts = (0..<2).map { part in
      pairs.sliced([0, 0, 0, part, 0], sizes: x.shape.dropLast() + [1, half])
        .broadcast(to: Array(paired))
    }
    let shares = shares(positions, half, x.type.element).map {
      $0.broadcast(to: Array(paired), dimensions: [1, 3, 4])
    }
    return [(parts[0] * shares[0] + parts[1] * shares[1]).reshaped(x.shape)]
  }

  /// How much of the first and of the second half is in each of the two halves of the result,
  /// `[sequence, 2, half]`: small tables, which all layers share.
  private func shares(_ positions: Tensor, _ half: Int, _ element: ElementType) -> [Tensor] {
    let angles = angles(positions, half, element.sum)
    let spread = { (wave: Tensor) in
      wave.converted(to: element).broadcast(
        to: [angles.type.dimensions[0], .fixed(2), .fixed(half)], dimensions: [0, 2])
    }
    let (cosine, sine) = (spread(angles.cosine()), spread(angles.unary(.sine)))
    let part = cosine.indices(along: 1)
    let isFirst = part.compare(.equal, part.filled(with: 0))
    return isInverse
      ? [isFirst.select(cosine, -sine), isFirst.select(sine, cosine)]
      : [isFirst.select(cosine, sine), isFirst.select(-sine, cosine)]
  }

  /// The angles `[sequence, half]`.
  private func angles(_ positions: Tensor, _ half: Int, _ element: ElementType) -> Tensor {
    let frequencies = (0..<half).map { pair in
      let frequency = pow(base, -Double(pair) / Double(half))
      return scaling?.scaled(frequency) ?? frequency
    }
    let constant = Constant(type: Type(element, [half]), numbers: frequencies)
    let dimensions = [positions.type.dimensions[0], .fixed(half)]
    return positions.converted(to: element).broadcast(to: dimensions, dimensions: [0])
      * positions.trace.apply(constant, [])[0].broadcast(to: dimensions)
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard operand == 0 else { return nil }
    let back = Rotary(base: base, scaling: scaling, isInverse: !isInverse)
    return context.gradient.apply(back, context.operands[1])
  }
}

extension Tensor {
  /// Queries or keys `[batch, sequence, heads, headWidth]` with pairs of elements turned by an angle that
  /// grows with the position (rotary position embedding, in the "rotate half" pairing).
  ///
  /// - Parameters:
  ///   - positions: The position of each row, signed integers `[sequence]`; nil counts from zero.
  ///   - base: Pair `i` turns by `base^(-2i / headWidth)` a position.
  ///   - scaling: How turns are slowed down for a longer context; nil leaves them.
  public func rotary(
    at positions: Tensor? = nil, base: Double = 10_000, scaling: RotaryScaling? = nil,
    file: String = #fileID, line: Int = #line
  ) -> Tensor {
    let rows = rank > 1 ? type.dimensions[1] : .fixed(0)
    let counted = Iota(type: Type(.int32, dimensions: [rows]), dimension: 0)
    let places = positions ?? trace.apply(counted, [])[0]
    return apply(
      Rotary(base: base, scaling: scaling), places, source: SourceLocation(file: file, line: line))
  }
}
