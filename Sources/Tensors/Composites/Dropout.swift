import DeepEPElements

/// Elements set to zero at random, the others scaled up so that the mean stays (Srivastava et al.:
/// Dropout, 2014).
///
/// Operands: `x`, the key of the draw (a `uint64` scalar), and the number of its first element (an
/// `int64` scalar); elements are numbered row-major. Backward draws the same bits again from the key,
/// so that no mask has to be kept.
package struct DropoutMask: Composite {
  /// The share of elements that become zero.
  package var rate: Double
  package var name: String { "dropout" }
  package var operandCount: Int { 3 }
  package var hasOwnGradient: Bool { true }

  package init(rate: Double) {
    self.rate = rate
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: operandCount)
    guard (0..<1).contains(rate) else {
      throw ShapeError(name, "the rate must be in 0 ..< 1, got \(rate)")
    }
    guard operands[0].element.isFloatingPoint, operands[1] == Type(.uint64, []),
      operands[2] == Type(.int64, [])
    else {
      throw ShapeError(
        name, "needs floats, a uint64 key and an int64 number, got \(operands.map(\.description))")
    }
    return [operands[0]]
  }

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let (x, key, first) = (operands[0], operands[1], operands[2])
    let numbers = x.trace.elementNumbers(x.shape) + first
    let words = key.apply(Random(), numbers)
    let top = words.binary(.shiftRight, words.filled(with: 40)).converted(to: .int32)
    let isKept = top.compare(.greaterOrEqual, top.filled(with: (rate * 0x1p24).rounded()))
    return [isKept.select(x * (1 / (1 - rate)), x.filled(with: 0))]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard operand == 0 else { return nil }
    return context.gradient.apply(self, context.operands[1], context.operands[2])
  }
}

extension Tensor {
  /// While a model is trained, this tensor with a share of its elements set to zero and the others
  /// scaled up; otherwise the tensor itself.
  ///
  /// Which elements depends on the run's seed, the number of the update, the place in the model, and
  /// the number of the element in the whole global batch, if dimension 0 counts examples: so threads,
  /// ranks, accumulation and recomputation do not change them.
  ///
  /// - Parameter rate: The share, in `0 ..< 1`.
  public func dropout(_ rate: Double, file: String = #fileID, line: Int = #line) -> Tensor {
    guard rate != 0, !isPoisoned, let run = trace.askForRun() else { return self }
    let key = trace.drawKey(run)
    let perMicroBatch = Double(type.elementCount)
    let first = trace.read(run.microBatch).converted(to: .int64) * perMicroBatch
    return apply(
      DropoutMask(rate: rate), key, first, source: SourceLocation(file: file, line: line))
  }
}

extension Trace {
  /// The key of the next random draw, from the run's seed, the number of the update, the module path
  /// and how often the module has drawn before.
  func drawKey(_ run: RunState) -> Tensor {
    var site = StableHash()
    site.add(origin.path)
    site.add("draw \(draws[origin.path, default: 0])")
    draws[origin.path, default: 0] += 1
    // Fifty-two bits, which a constant holds exactly.
    let place = read(run.seed).filled(with: Double(site.value >> 12))
    let stream = read(run.seed).binary(.exclusiveOr, place)
    return stream.apply(Random(), read(run.step).converted(to: .int64))
  }
}
