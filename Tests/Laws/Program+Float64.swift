import DeepEPTensors

extension Program {
  /// The program with float64 in place of every float32, so that the interpreter rounds nothing that
  /// matters.
  package func inFloat64() throws -> Program {
    try Program(text: description.replacing("float32", with: "float64"))
  }
}
