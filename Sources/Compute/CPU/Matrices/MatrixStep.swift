import DeepEPSystemOneDNN

/// What oneDNN does with each sum of a matrix multiplication before it is written.
package enum MatrixStep: Hashable, Sendable {
  /// Adds what was in the result's memory before.
  case accumulate
  /// Adds an element of an operand with the result's number of dimensions; those of one are repeated.
  case add(MatrixOperand)
  /// Multiplies by an element of such an operand.
  case multiply(MatrixOperand)

  /// The most steps of a multiplication.
  static let limit = Int(DEEPEP_ONEDNN_MAXIMUM_STEPS)

  /// The operand that is read.
  var operand: MatrixOperand? {
    switch self {
    case .accumulate: nil
    case .add(let operand), .multiply(let operand): operand
    }
  }

  /// The step in the C shim's terms; nil where oneDNN has no such element type.
  var described: deepep_onednn_step? {
    var step = deepep_onednn_step()
    switch self {
    case .accumulate: step.function = DEEPEP_ONEDNN_SUM
    case .add: step.function = DEEPEP_ONEDNN_ADD
    case .multiply: step.function = DEEPEP_ONEDNN_MULTIPLY
    }
    guard let operand else { return step }
    guard let described = operand.described else { return nil }
    step.operand = described
    return step
  }
}
