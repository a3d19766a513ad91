/// Why matrices cannot be multiplied as asked.
public struct MatrixError: Error, Hashable, CustomStringConvertible {
  /// What was wrong.
  public let what: String
  /// The operands: element types, shapes, strides.
  public let operands: String
  /// What would fix it.
  public let fix: String

  init(_ what: String, _ operands: [MatrixOperand], fix: String) {
    self.what = what
    self.operands = zip(["left", "right", "result"], operands)
      .map { "\($0) \($1)" }.joined(separator: ", ")
    self.fix = fix
  }

  /// All of it in one line.
  public var description: String { "\(what) (\(operands)): \(fix)" }
}
