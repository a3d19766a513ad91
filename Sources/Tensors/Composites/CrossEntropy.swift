/// The cross entropy of a softmax over the last dimension with integer labels, in nats.
///
/// Operands: `logits [..., classes]` and integer `labels [...]`. Results: the loss of each row, and for
/// backward the log-sum-exp of its logits.
package struct CrossEntropy: Composite {
  package var name: String { "crossEntropy" }
  package var operandCount: Int { 2 }
  package var hasOwnGradient: Bool { true }

  package init() {}

  package func body(_ operands: [Tensor]) -> [Tensor] {
    let (logits, labels) = (operands[0], operands[1])
    let largest = logits.largest([-1])
    let total = (logits - largest.alongLast(logits)).exponential().sum([-1])
    let logSum = largest + total.logarithm()
    let chosen = hit(logits, labels).select(logits, logits.filled(with: 0)).sum([-1])
    return [logSum - chosen, logSum]
  }

  private func hit(_ logits: Tensor, _ labels: Tensor) -> Tensor {
    let classes = logits.indices(along: logits.rank - 1)
    return classes.compare(.equal, labels.converted(to: .int32).alongLast(logits))
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard operand == 0 else { return nil }
    let logits = context.operands[0]
    let shares = (logits - context.results[1].alongLast(logits)).exponential()
    let hits = hit(logits, context.operands[1]).converted(to: logits.type.element)
    return (shares - hits) * context.gradient.alongLast(logits)
  }
}

extension Tensor {
  /// The cross entropy in nats of each row of logits with its label.
  public func crossEntropy(
    labels: Tensor, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    applyAll(CrossEntropy(), [labels], source: SourceLocation(file: file, line: line))[0]
  }
}
