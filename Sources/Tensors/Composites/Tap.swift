/// The same value, under a name by which a run can record its statistics.
///
/// It disappears when composites are expanded, so it costs nothing unless a run asks for it before.
package struct Tap: Composite {
  /// What the author of the model calls it.
  package var label: String
  /// Whether it is the gradient by the value that has the name.
  package var isGradient: Bool
  package var name: String { "tap" }
  package var operandCount: Int { 1 }
  package var hasOwnGradient: Bool { true }

  package init(_ label: String, isGradient: Bool = false) {
    (self.label, self.isGradient) = (label, isGradient)
  }

  package func body(_ operands: [Tensor]) -> [Tensor] { operands }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradient.apply(Tap(label, isGradient: true))
  }
}

extension Tensor {
  /// The same tensor, of which a run with `recordsTaps` records the mean, deviation, range, zeros and histogram, and
  /// those of its gradient.
  ///
  /// ```swift
  /// let y = x + attention(norm(x)).tap("attention")
  /// ```
  ///
  /// The full name is the path of the module whose parameter was used last, a dot, and `label`. Go on with the tensor
  /// that is returned: what does not lead to the loss is not computed.
  public func tap(_ label: String, file: String = #fileID, line: Int = #line) -> Tensor {
    apply(Tap(label), source: SourceLocation(file: file, line: line))
  }
}
